import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCidr } from '../../../shared/base/cidr.ts';
import { createClock } from '../../../shared/host/clock.ts';
import type { CompiledInterface } from '../../../agent/machine/interface.ts';
import { closeLoopback, openLoopback } from '../../../agent/network/loopback.ts';
import { createNetworks } from '../../../agent/network/networks.ts';
import type { Shell } from '../../../agent/network/shell.ts';
import type { NetworkGuest } from '../../tools/network-guest.ts';
import { startNetworkGuest } from '../../tools/network-guest.ts';

/** Who runs QEMU. */
const USER = 65_534;
const SUBNET = '10.46.0.0/28';

let guest: NetworkGuest;
const sh = async (script: string) => guest.sh(script);
/** Names in the guest that no other test has. */
let numbers = 0;
const next = () => (numbers += 1);

beforeAll(async () => {
  guest = await startNetworkGuest();
});
afterAll(async () => guest.close());

interface Change {
  readonly dataDir?: string;
  readonly podBridge?: string;
  readonly podSubnet?: string;
  readonly shell?: Shell;
}

/** As an agent that starts. */
function open({
  dataDir = `/var/lib/agent${next()}`,
  podBridge = 'pods',
  podSubnet = SUBNET,
  shell,
}: Change = {}) {
  const subnet = parseCidr(podSubnet);
  if (subnet === undefined) throw new Error(`${podSubnet} is no network`);
  const common = { dataDir, podBridge, podSubnet: subnet, keepAlive: [], clock: createClock() };
  return createNetworks({ ...common, shell: shell ?? guest.shell });
}

function machine(number = next()) {
  const digits = number.toString(16).padStart(12, '0');
  return { uid: `00000000-0000-0000-0000-${digits}`, namespace: 'shop', name: `pos-${number}` };
}
const macOf = ({ uid }: { uid: string }, last = '00') =>
  `02:00:00:${uid.slice(-4, -2)}:${uid.slice(-2)}:${last}`;

function card(
  mac: string,
  network: CompiledInterface['network'],
  change: Partial<CompiledInterface> = {},
): CompiledInterface {
  const usual = { name: 'lan', model: 'virtio', up: true, macGiven: true, ports: [], queues: 1 } as const;
  return { ...usual, mac, network, ...change };
}
const onPods = (hostname: string, dhcp = {}) => ({ kind: 'pod', hostname, dhcp }) as const;

/**
 * A machine's card, with socat in QEMU's place: in a network namespace of its own, wired to the tap. IPv6 is off in
 * it, so that nothing is sent before all of the wire is there.
 */
async function plugIn(tap: string, mac: string): Promise<string> {
  const name = `m${next()}`;
  const wire = `/run/${name}`;
  await sh(`
    ip netns add ${name}
    ip netns exec ${name} sysctl -qw net.ipv6.conf.default.disable_ipv6=1
    ip netns exec ${name} socat TUN,tun-name=${name},tun-type=tap,iff-no-pi,iff-up \
      UNIX-SENDTO:${wire}.tap,bind=${wire}.card >/dev/null 2>&1 &
    for i in $(seq 100); do [ -S ${wire}.card ] && break; usleep 50000; done
    ip -n ${name} link set ${name} address ${mac}
    socat TUN,tun-name=${tap},tun-type=tap,iff-no-pi UNIX-SENDTO:${wire}.card,bind=${wire}.tap >/dev/null 2>&1 &
    for i in $(seq 100); do [ -S ${wire}.tap ] && break; usleep 50000; done
  `);
  return name;
}
const within = async (name: string, command: string) => sh(`ip netns exec ${name} ${command}`);
const ping = async (name: string, address: string) =>
  within(name, `busybox ping -c 1 -W 2 -A ${address} >/dev/null`).then(
    () => true,
    () => false,
  );
const taps = async () => sh("ip -o link show type tun | grep -o ': hf[a-z2-7]*' | sort");

describe('a bridge of the site', () => {
  const bridge = async (words: string) => {
    const name = `br${next()}`;
    await sh(`ip link add ${name} ${words.replace('type', 'up type')}`);
    return name;
  };

  test('keeps VLANs apart, and tags them on a trunk', async () => {
    const site = await bridge('type bridge vlan_filtering 1');
    const trunk = `trunk${next()}`;
    await sh(`
      socat -u TUN,tun-name=${trunk},tun-type=tap,iff-no-pi,iff-up OPEN:/run/${trunk},creat,append >/dev/null 2>&1 &
      for i in $(seq 100); do [ -e /sys/class/net/${trunk} ] && break; usleep 50000; done
      ip link set ${trunk} master ${site}
      bridge vlan add dev ${trunk} vid 20
      bridge vlan add dev ${trunk} vid 30
    `);
    const networks = open();
    const join = async (vlan: number, last: number) => {
      const one = machine();
      const cards = [card(macOf(one), { kind: 'bridge', bridge: site, vlan })];
      const tap = (await networks.connect(one, cards, USER)).get('lan');
      const name = await plugIn(tap?.device ?? '', macOf(one));
      await sh(`ip -n ${name} address add 192.168.5.${last}/24 dev ${name}`);
      return { name, mac: macOf(one) };
    };
    const [first, , other] = [await join(20, 1), await join(20, 2), await join(30, 3)];
    expect(await ping(first.name, '192.168.5.2')).toBe(true);
    expect(await ping(first.name, '192.168.5.3')).toBe(false);
    expect(await ping(other.name, '192.168.5.1')).toBe(false);
    const seen = (await sh(`hexdump -v -e '1/1 "%02x"' /run/${trunk}`)).trim();
    const tagged = (mac: string, vlan: string) => `ffffffffffff${mac.replaceAll(':', '')}8100${vlan}0806`;
    expect(seen).toContain(tagged(first.mac, '0014'));
    expect(seen).toContain(tagged(other.mac, '001e'));
    expect(seen).not.toContain(tagged(first.mac, '001e'));
  });

  test('keeps its MTU, which its taps have; the guest is told its own', async () => {
    const site = await bridge('mtu 9000 type bridge');
    const networks = open();
    const one = machine();
    const cards = [undefined, 4000, 1500].map((mtu, index) =>
      card(
        macOf(one, `0${index}`),
        { kind: 'bridge', bridge: site, ...(mtu && { mtu }) },
        { name: `c${index}` },
      ),
    );
    const made = await networks.connect(one, cards, USER);
    expect([...made.values()].map(({ mtu }) => mtu)).toEqual([9000, 4000, undefined]);
    const mtus = [site, ...[...made.values()].map(({ device }) => device)].map(
      (name) => `/sys/class/net/${name}/mtu`,
    );
    expect(await sh(`cat ${mtus.join(' ')}`)).toBe('9000\n9000\n9000\n9000\n');
  });

  test.each<[what: string, words: string, network: object, said: RegExp]>([
    ['is not there', '', { bridge: 'nowhere' }, /the box has no bridge nowhere: make it/],
    ['is none', '', { bridge: 'lo' }, /lo of the box is no Linux bridge/],
    [
      'tells no VLANs apart',
      'type bridge',
      { vlan: 20 },
      /does not tell VLANs apart, which 20 needs: ip link set br\d+ type bridge vlan_filtering 1/,
    ],
    [
      'takes no such frames',
      'type bridge',
      { mtu: 9000 },
      /MTU of the bridge br\d+ is 1500, less .* 9000: ip link set/,
    ],
  ])('that %s is refused with the way out', async (_, words, network, said) => {
    const site = words === '' ? '' : await bridge(words);
    const one = machine();
    const cards = [card(macOf(one), { kind: 'bridge', bridge: site, ...network })];
    const refused = open().connect(one, cards, USER);
    await expect(refused).rejects.toMatchObject({
      code: 'NetworkRefused',
      message: expect.stringMatching(said),
    });
  });

  test('takes no second card of one address, and names both', async () => {
    const [site, elsewhere] = [await bridge('type bridge'), await bridge('type bridge')];
    const networks = open();
    const [first, second] = [machine(), machine()];
    const mac = macOf(first);
    await networks.connect(first, [card(mac, { kind: 'bridge', bridge: site })], USER);
    const before = await taps();
    const twin = card(mac, { kind: 'bridge', bridge: site }, { name: 'eth1' });
    const other = card(macOf(second), { kind: 'bridge', bridge: site }, { name: 'eth0' });
    const both = `shop/${second.name} (eth1) and shop/${first.name} (lan) have the same MAC address ${mac}`;
    await expect(networks.connect(second, [other, twin], USER)).rejects.toThrow(both);
    // Nothing is left of the machine that was refused, and the same address elsewhere is no twin.
    expect(await taps()).toBe(before);
    await networks.connect(second, [card(mac, { kind: 'bridge', bridge: elsewhere })], USER);
  });
});

describe('taps', () => {
  test("are QEMU's user's, have the queues asked for, and are replaced where some were left", async () => {
    const site = `br${next()}`;
    await sh(`ip link add ${site} up type bridge`);
    const networks = open();
    const one = machine();
    const cards = [card(macOf(one), { kind: 'bridge', bridge: site }, { queues: 4 })];
    const first = (await networks.connect(one, cards, USER)).get('lan')?.device ?? '';
    expect(first).toMatch(/^hf[a-z2-7]{13}$/);
    const index = await sh(`cat /sys/class/net/${first}/ifindex`);
    const details = await sh(`ip -d link show dev ${first}`);
    expect(details).toMatch(/multi_queue numqueues .*user nobody/);
    expect((await networks.connect(one, cards, USER)).get('lan')?.device).toBe(first);
    expect(await sh(`cat /sys/class/net/${first}/ifindex`)).not.toBe(index);
  });

  test('are known to the next agent, and are no other agent’s', async () => {
    const site = `br${next()}`;
    await sh(`ip link add ${site} up type bridge`);
    const dataDir = `/var/lib/agent${next()}`;
    const one = machine();
    const cards = ['a', 'b'].map((name, index) =>
      card(macOf(one, `0${index}`), { kind: 'bridge', bridge: site }, { name }),
    );
    await open({ dataDir }).connect(one, cards, USER);
    const before = (await taps()).split('\n').length;
    expect(await open().connected()).toEqual([]);
    const later = open({ dataDir });
    expect(await later.connected()).toEqual([one.uid]);
    await later.disconnect(one.uid, ['a']);
    expect((await taps()).split('\n').length).toBe(before - 1);
    await later.disconnect(one.uid);
    expect(await later.connected()).toEqual([]);
    expect((await taps()).split('\n').length).toBe(before - 2);
    await later.disconnect(one.uid);
  });
});

describe('the pod network', () => {
  const dataDir = '/var/lib/pods';
  const pid = async () => (await sh(`cat ${dataDir}/network/dnsmasq.pid`)).trim();
  const lease = async (name: string) =>
    within(name, `busybox udhcpc -i ${name} -n -q -t 10 -T 1 -O bootfile -O tftp -O ntpsrv -s /sbin/lease`);

  test('gives machines addresses that stay, and they reach each other, the box and what is beyond', async () => {
    const networks = open({ dataDir });
    const [first, second] = [machine(), machine()];
    const told = {
      bootFileName: 'boot/a b',
      tftpServerName: 'tftp.example',
      ntpServers: ['10.0.0.1', '10.0.0.2'],
    };
    const firstCards = [card(macOf(first), onPods('till', told))];
    const [firstTap, secondTap] = [
      (await networks.connect(first, firstCards, USER)).get('lan'),
      (await networks.connect(second, [card(macOf(second), onPods('camera'))], USER)).get('lan'),
    ];
    const [one, two] = [
      await plugIn(firstTap?.device ?? '', macOf(first)),
      await plugIn(secondTap?.device ?? '', macOf(second)),
    ];
    const got = await lease(one);
    const address = /^ip=(\S+)/.exec(got)?.[1] ?? '';
    expect(got).toContain('mask=28 router=10.46.0.1 dns=10.46.0.1');
    expect(got).toContain('boot=boot/a b tftp=tftp.example ntp=10.0.0.1 10.0.0.2 hostname=till');
    const other = /^ip=(\S+)/.exec(await lease(two))?.[1] ?? '';
    expect((await networks.addresses()).get(macOf(first))).toBe(address);
    expect((await networks.addresses()).get(macOf(second))).toBe(other);
    expect(await ping(one, other)).toBe(true);
    expect(await ping(one, '10.46.0.1')).toBe(true);
    expect(await sh(`busybox ping -c 1 -W 2 ${address} >/dev/null && echo yes`)).toBe('yes\n');
    expect(await within(one, 'busybox nslookup camera 10.46.0.1')).toContain(other);

    // A host outside that knows no way back: it answers only what comes from the box's own address.
    await sh(`
      ip netns add outside
      ip link add uplink type veth peer name card netns outside
      ip address add 198.51.100.1/24 dev uplink
      ip link set uplink up
      ip -n outside address add 198.51.100.2/24 dev card
      ip -n outside link set card up
    `);
    expect(await ping(one, '198.51.100.2')).toBe(true);

    // Another agent finds all of it as it was, and a machine that comes again has its address again.
    const process = await pid();
    const later = open({ dataDir });
    await later.disconnect(first.uid);
    const again = await later.connect(first, firstCards, USER);
    expect(await pid()).toBe(process);
    expect(await lease(await plugIn(again.get('lan')?.device ?? '', macOf(first)))).toContain(
      `ip=${address} `,
    );
    expect(await ping(two, '10.46.0.1')).toBe(true);

    await later.forget(first.uid);
    const held = await sh(`cat ${dataDir}/network/hosts`);
    expect(held).not.toContain(macOf(first));
    expect(held).toContain(`${macOf(second)},set:c${macOf(second).replaceAll(':', '')},${other},camera\n`);
  });

  test('comes back where a part of it is gone, with the machines on it', async () => {
    const networks = open({ dataDir });
    const one = machine();
    const cards = [card(macOf(one), onPods('pos'))];
    const tap = (await networks.connect(one, cards, USER)).get('lan')?.device ?? '';
    const name = await plugIn(tap, macOf(one));
    await lease(name);
    const process = await pid();
    await networks.attend();
    expect(await pid()).toBe(process);
    await sh(`kill -9 ${process}; ip link delete pods`);
    await networks.attend();
    expect(await pid()).not.toBe(process);
    expect(await ping(name, '10.46.0.1')).toBe(true);
    expect(await lease(name)).toMatch(/^ip=10/);
  });

  test('heals what an agent left half made', async () => {
    const site = `br${next()}`;
    await sh(`ip link add ${site} up type bridge`);
    const networks = open();
    const one = machine();
    const cards = [card(macOf(one), { kind: 'bridge', bridge: site })];
    const device = (await networks.connect(one, cards, USER)).get('lan')?.device ?? '';
    await networks.disconnect(one.uid);
    await sh(`ip tuntap add dev ${device} mode tap`);
    await networks.connect(one, cards, USER).catch(() => {});
    expect((await networks.connect(one, cards, USER)).get('lan')?.device).toBe(device);
  });

  test('takes no bridge that is not its own', async () => {
    const name = `br${next()}`;
    await sh(`ip link add ${name} type bridge`);
    const one = machine();
    const refused = open({ podBridge: name }).connect(one, [card(macOf(one), onPods('pos'))], USER);
    await expect(refused).rejects.toThrow(`${name} is there and not the agent's: give its setting podBridge`);
  });

  test('is refused with the way out where the agent may not, or the kernel can not', async () => {
    const unprivileged: Shell = {
      ...guest.shell,
      run: async (words, input) =>
        guest.shell.run(['setpriv', '--reuid', String(USER), '--clear-groups', ...words], input),
    };
    const one = machine();
    const cards = [card(macOf(one), onPods('pos'))];
    const connect = async (shell?: Shell) =>
      open({ podBridge: `pods${next()}`, ...(shell && { shell }) }).connect(one, cards, USER);
    await expect(connect(unprivileged)).rejects.toThrow(/run it as root .*or give the interface masquerade/);
    const names = await sh('ip -o link show type bridge | cut -d: -f2');
    for (const name of names.split('\n').filter((line) => line !== '')) await sh(`ip link delete ${name}`);
    await sh('rmmod bridge');
    await expect(connect()).rejects.toThrow(/the kernel of the box can't .*or give the interface masquerade/);
    await sh('insmod /lib/modules/network/*-bridge.ko');
  });
});

test("guests in user-mode networks get to no service on the box's loopback", async () => {
  const as = (who: string) => (who === 'qemu' ? `setpriv --reuid ${USER} --clear-groups ` : '');
  const serve = async (who: string, port: number) =>
    sh(`
      ${as(who)}socat TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork EXEC:'echo served' >/dev/null 2>&1 &
      for i in $(seq 100); do netstat -tln | grep -q 127.0.0.1:${port} && break; usleep 50000; done
    `);
  const get = async (who: string, port: number) =>
    sh(`${as(who)}socat -T 2 - TCP:127.0.0.1:${port} 2>/dev/null`).catch(() => 'refused');
  await serve('box', 8081);
  await serve('qemu', 8082);
  expect(await get('qemu', 8081)).toBe('served\n');
  await closeLoopback(guest.shell, { first: USER - 1, last: USER });
  await closeLoopback(guest.shell, { first: USER - 1, last: USER });
  expect(await get('qemu', 8081)).toBe('refused');
  expect(await get('box', 8081)).toBe('served\n');
  // What is forwarded to a guest comes in all the same.
  expect(await get('box', 8082)).toBe('served\n');
  await openLoopback(guest.shell);
  expect(await get('qemu', 8081)).toBe('served\n');
});
