import { describe, expect, test } from 'vitest';
import { compileCommand } from '../../../agent/machine/command.ts';
import type { CompiledMachine } from '../../../agent/machine/compile.ts';
import { compileMachine, shapeOf } from '../../../agent/machine/compile.ts';
import { deriveMac, keepMacs } from '../../../agent/machine/mac.ts';
import type { Tap } from '../../../agent/networks-port.ts';
import { desiredMachine } from '../../../shared/model/machine.ts';

const UID = '5f0c1a52-7d7b-4c57-9b0e-0d6f3a1c2e4b';

interface Parts {
  readonly interfaces?: readonly object[];
  readonly networks?: readonly object[];
  readonly devices?: object;
  readonly domain?: object;
  readonly spec?: object;
}

function compile({ interfaces, networks, devices, domain, spec }: Parts = {}): CompiledMachine {
  return compileMachine(
    desiredMachine.parse({
      uid: UID,
      namespace: 'shop',
      name: 'pos',
      kind: 'VirtualMachine',
      generation: 1,
      runStrategy: 'Always',
      dataVolumes: [],
      references: { networks: { lan: { bridge: 'br0', vlan: 20, mtu: 9000 }, cameras: { bridge: 'br1' } } },
      spec: {
        ...spec,
        networks,
        domain: { memory: { guest: '64Mi' }, ...domain, devices: { interfaces, ...devices } },
      },
    }),
  );
}

const TAPS: ReadonlyMap<string, Tap> = new Map([
  ['pod', { device: 'hfaaaaaaaaaaaaa' }],
  ['lan', { device: 'hfbbbbbbbbbbbbb', mtu: 9000 }],
  ['cameras', { device: 'hfccccccccccccc' }],
]);

/** QEMU's words about the cards. */
function wordsOf(machine: CompiledMachine, ports: readonly object[] = [], accelerator = 'kvm'): string[] {
  const environment = {
    accelerator,
    run: 1,
    nowMs: 0,
    ports,
    taps: TAPS,
    bufferedDisks: new Set(),
    places: {},
    hostDevices: [],
  };
  const { words } = compileCommand(machine, environment as never);
  return words.filter((word, index) => {
    const option = words[index - 1];
    return option === '-netdev' || (option === '-device' && word.includes('id=interface-'));
  });
}

const masqueraded = (card: object = {}, pod: object = {}): Parts => ({
  interfaces: [{ name: 'pod', macAddress: '02-00-00-AA-BB-CC', masquerade: {}, ...card }],
  networks: [{ name: 'pod', pod }],
});
const onBridges = (card: object = {}, parts: Parts = {}): Parts => ({
  interfaces: [
    { name: 'pod', bridge: {}, macAddress: '02:00:00:00:00:01', ...card },
    { name: 'lan', bridge: {}, macAddress: '02:00:00:00:00:02' },
    { name: 'cameras', bridge: {}, macAddress: '02:00:00:00:00:03', model: 'e1000e' },
  ],
  networks: [
    { name: 'pod', pod: {} },
    { name: 'lan', multus: { networkName: 'lan' } },
    { name: 'cameras', multus: { networkName: 'cameras' } },
  ],
  ...parts,
});

describe('masquerade', () => {
  test("has KubeVirt's addresses and a forwarded port", () => {
    const port = { interface: 'pod', port: 80, protocol: 'TCP', hostPort: 4080, hostAddress: '127.0.0.1' };
    expect(wordsOf(compile(masqueraded()), [port])).toEqual([
      'user,id=net-pod,net=10.0.2.0/24,host=10.0.2.1,dhcpstart=10.0.2.2,dns=10.0.2.3,' +
        'ipv6-net=fd10:0:2::/64,ipv6-host=fd10:0:2::1,hostname=pos,hostfwd=tcp:127.0.0.1:4080-:80',
      'virtio-net-pci,id=interface-pod,netdev=net-pod,mac=02:00:00:aa:bb:cc,bus=port0,addr=0x0,romfile=',
    ]);
  });

  test('has the addresses that are given, and says what DHCP is to say', () => {
    const cidrs = { vmNetworkCIDR: '192.168.7.64/26', vmIPv6NetworkCIDR: 'fd20:0:0:7::100/120' };
    const dhcpOptions = { bootFileName: 'a,b', tftpServerName: 'tftp.example' };
    const [backend] = wordsOf(
      compile({ ...masqueraded({ dhcpOptions }, cidrs), spec: { hostname: 'till' } }),
    );
    expect(backend).toBe(
      'user,id=net-pod,net=192.168.7.64/26,host=192.168.7.65,dhcpstart=192.168.7.66,dns=192.168.7.67,' +
        'ipv6-net=fd20:0:0:7::/64,ipv6-host=fd20:0:0:7::101,hostname=till,bootfile=a,,b,tftp-server-name=tftp.example',
    );
  });

  test('forwards lists and ranges', () => {
    const portsOf = (card: object) => compile(masqueraded(card)).interfaces[0]?.ports;
    expect(
      portsOf({
        ports: [
          { port: 53, protocol: 'UDP' },
          { name: 'http', port: 80 },
        ],
      }),
    ).toEqual([
      { port: 53, protocol: 'UDP' },
      { name: 'http', port: 80, protocol: 'TCP' },
    ]);
    expect(portsOf({ portRanges: [{ protocol: 'UDP', start: 5000, end: 5001 }] })).toEqual([
      { port: 5000, protocol: 'UDP' },
      { port: 5001, protocol: 'UDP' },
    ]);
  });
});

describe('bridges', () => {
  test('are reached by taps, each with its MTU', () => {
    expect(wordsOf(compile(onBridges()))).toEqual([
      'tap,id=net-pod,ifname=hfaaaaaaaaaaaaa,script=no,downscript=no,vhost=on',
      'virtio-net-pci,id=interface-pod,netdev=net-pod,mac=02:00:00:00:00:01,bus=port0,addr=0x0,romfile=',
      'tap,id=net-lan,ifname=hfbbbbbbbbbbbbb,script=no,downscript=no,vhost=on',
      'virtio-net-pci,id=interface-lan,netdev=net-lan,mac=02:00:00:00:00:02,bus=port1,addr=0x0,host_mtu=9000,romfile=',
      'tap,id=net-cameras,ifname=hfccccccccccccc,script=no,downscript=no',
      'e1000e,id=interface-cameras,netdev=net-cameras,mac=02:00:00:00:00:03,bus=port2,addr=0x0,romfile=',
    ]);
  });

  test('have a queue for each CPU where that is asked, on virtio', () => {
    const devices = { networkInterfaceMultiqueue: true };
    const machine = compile(onBridges({}, { devices, domain: { cpu: { cores: 2, sockets: 2 } } }));
    const [backend, card] = wordsOf(machine, [], 'tcg');
    expect(backend).toBe('tap,id=net-pod,ifname=hfaaaaaaaaaaaaa,script=no,downscript=no,queues=4');
    expect(card).toContain('mq=on,vectors=10,');
    expect(machine.interfaces.map(({ queues }) => queues)).toEqual([4, 4, 1]);
    expect(compile({ ...masqueraded(), devices }).interfaces[0]?.queues).toBe(1);
  });

  test('are those that the references say', () => {
    const networks = compile(onBridges({ dhcpOptions: { ntpServers: ['10.0.0.1'] } })).interfaces.map(
      ({ network }) => network,
    );
    expect(networks).toEqual([
      { kind: 'pod', hostname: 'pos', dhcp: { ntpServers: ['10.0.0.1'] } },
      { kind: 'bridge', bridge: 'br0', vlan: 20, mtu: 9000 },
      { kind: 'bridge', bridge: 'br1' },
    ]);
    const interfaces = [{ name: 'pod', bridge: {} }];
    const unknown = [{ name: 'pod', multus: { networkName: 'elsewhere/lan' } }];
    expect(compile({ interfaces, networks: unknown }).interfaces[0]?.network).toEqual({
      kind: 'missing',
      networkName: 'elsewhere/lan',
    });
  });
});

test('without interfaces there is one with masquerade, unless it is declined', () => {
  expect(compile().interfaces).toMatchObject([{ name: 'default', network: { kind: 'user' } }]);
  expect(compile({ devices: { autoattachPodInterface: false } }).interfaces).toEqual([]);
});

test.each([
  [
    'igb',
    'igb,id=interface-pod,netdev=net-pod,mac=02:00:00:aa:bb:cc,bus=port0,addr=0x0,acpi-index=9,romfile=',
  ],
  ['pcnet', 'pcnet,id=interface-pod,netdev=net-pod,mac=02:00:00:aa:bb:cc,addr=0x4,acpi-index=9,romfile='],
])('a card of the model %s', (model, words) => {
  expect(wordsOf(compile(masqueraded({ model, acpiIndex: 9 })))[1]).toBe(words);
});

test('a card that is absent is left out; one that is down is there', () => {
  const interfaces = [
    { name: 'lan', bridge: {}, state: 'absent' },
    { name: 'cameras', bridge: {}, state: 'down' },
  ];
  const networks = ['lan', 'cameras'].map((name) => ({ name, multus: { networkName: name } }));
  expect(compile({ interfaces, networks }).interfaces).toMatchObject([{ name: 'cameras', up: false }]);
});

describe('the boot order', () => {
  const volumes = ['root', 'data'].map((name) => ({ name, emptyDisk: { capacity: '1Mi' } }));
  const orderOf = (card: object, disks: object[]) => {
    const machine = compile({ ...masqueraded(card), spec: { volumes }, devices: { disks } });
    return [
      ...machine.disks.map(({ name, bootIndex }) => `${name} ${bootIndex}`),
      ...machine.bootCards.map(([name, bootIndex]) => `${name} ${bootIndex}`),
    ];
  };
  const disks = [{ name: 'root' }, { name: 'data' }];

  test('is one for disks and cards', () => {
    const numbered = [
      { name: 'root', bootOrder: 3 },
      { name: 'data', bootOrder: 1 },
    ];
    expect(orderOf({ bootOrder: 2 }, numbered)).toEqual(['root 3', 'data 1', 'pod 2']);
  });

  test('has the disks after the cards where no disk has a number, and leaves out cards without', () => {
    expect(orderOf({ bootOrder: 5 }, disks)).toEqual(['root 2', 'data 3', 'pod 1']);
    expect(orderOf({}, disks)).toEqual(['root 1', 'data 2']);
  });

  test('gives the card its ROM', () => {
    expect(wordsOf(compile(masqueraded({ bootOrder: 1 })))[1]).toMatch(/bootindex=1$/);
  });
});

describe('MAC addresses', () => {
  test('are local, for one card each, and the same at each start', () => {
    const macs = Array.from({ length: 20_000 }, (_, index) => deriveMac(UID, `card-${index}`));
    expect(new Set(macs).size).toBe(20_000);
    expect(macs.every((mac) => /^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/.test(mac))).toBe(true);
    // Each of the 46 bits takes part.
    const bits = [0n, ~0n].map((start, all) =>
      macs.reduce((sum, mac) => {
        const number = BigInt(`0x${mac.replaceAll(':', '')}`);
        return all === 0 ? sum | number : sum & number;
      }, start),
    );
    expect(bits).toEqual([0xfeffffffffffn, 0x020000000000n]);
    expect(compile().interfaces[0]?.mac).toBe(deriveMac(UID, 'default'));
  });

  test('stay what they were in the run before, unless one is given', () => {
    const before = [
      '-device',
      'virtio-net-pci,id=interface-default,netdev=net0,mac=52:54:00:12:34:56,addr=0x4',
    ];
    const derived = compile().interfaces;
    expect(keepMacs(derived, before)[0]?.mac).toBe('52:54:00:12:34:56');
    expect(keepMacs(derived, [])).toEqual(derived);
    const given = compile({
      interfaces: [{ name: 'default', masquerade: {}, macAddress: '02:00:00:00:00:01' }],
      networks: [{ name: 'default', pod: {} }],
    });
    expect(keepMacs(given.interfaces, before)[0]?.mac).toBe('02:00:00:00:00:01');
  });

  test('that are derived are no reason to restart', () => {
    const [card] = compile().interfaces;
    expect(JSON.stringify(shapeOf(compile()))).not.toContain(card?.mac);
  });
});
