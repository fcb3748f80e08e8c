import { describe, expect, test } from 'vitest';
import { compileMachine } from '../../../agent/machine/compile.ts';
import type { RunLimits } from '../../../agent/machine/run-limits.ts';
import type { PciPlaces } from '../../../agent/machine/pci.ts';
import type { ChangePlan } from '../../../agent/plan/plan-change.ts';
import { planChange } from '../../../agent/plan/plan-change.ts';
import type { DesiredMachine } from '../../../shared/model/machine.ts';
import { desiredMachine } from '../../../shared/model/machine.ts';

const MIB = 2 ** 20;
const LIMITS: RunLimits = { cpus: 4, memoryBytes: 1024 * MIB, maxMemoryBytes: 4096 * MIB };

interface Wish {
  domain?: object;
  devices?: object;
  spec?: object;
  dataVolumes?: string[];
  rest?: object;
}

function machine({ domain, devices, spec, dataVolumes = ['root'], rest }: Wish = {}): DesiredMachine {
  return desiredMachine.parse({
    uid: '0b9e6c1c-53a5-4d30-9d3e-1f6f0b1c2d3e',
    namespace: 'shop',
    name: 'pos',
    kind: 'VirtualMachine',
    generation: 1,
    runStrategy: 'Always',
    dataVolumes: dataVolumes.map((name) => ({
      metadata: { name },
      spec: { source: { http: { url: 'http://a/b' } } },
    })),
    ...rest,
    spec: {
      domain: {
        cpu: { sockets: 1 },
        memory: { guest: '1Gi' },
        ...domain,
        devices: { disks: [{ name: 'root', disk: { bus: 'virtio' } }], ...devices },
      },
      volumes: [{ name: 'root', dataVolume: { name: 'root' } }],
      ...spec,
    },
  });
}

interface Planned extends Pick<ChangePlan, 'restart'> {
  readonly next?: ChangePlan['live'][number];
}

function plan(wanted: Wish, running: Wish = {}, places: PciPlaces = {}, limits = LIMITS): Planned {
  const { live, restart } = planChange(
    { machine: compileMachine(machine(running)), limits, places },
    compileMachine(machine(wanted)),
  );
  const [next] = live;
  return { restart, ...(next && { next }) };
}

/** All changes in their order, and the fields that are left for a restart. */
function settle(wanted: Wish, running: Wish = {}, places: PciPlaces = {}) {
  let now = machine(running);
  const kinds: string[] = [];
  for (;;) {
    const { live, restart } = planChange(
      { machine: compileMachine(now), limits: LIMITS, places },
      compileMachine(machine(wanted)),
    );
    const [next] = live;
    if (next === undefined) return { kinds, restart };
    kinds.push(next.change.kind);
    // What is written down has to be read again.
    now = desiredMachine.parse(JSON.parse(JSON.stringify(next.running)));
  }
}

const disks = (...names: string[]) => ({
  devices: { disks: ['root', ...names].map((name) => ({ name, disk: { bus: 'virtio' } })) },
  spec: {
    volumes: [
      { name: 'root', dataVolume: { name: 'root' } },
      ...names.map((name) => ({ name, dataVolume: { name, hotpluggable: true } })),
    ],
  },
  dataVolumes: ['root', ...names],
});

describe('what a running machine needs nothing for', () => {
  test.each<[string, Wish]>([
    ['a grace period', { spec: { terminationGracePeriodSeconds: 5, volumes: disks().spec.volumes } }],
    ['where it may run', { spec: { nodeSelector: { a: 'b' }, volumes: disks().spec.volumes } }],
    ['labels', { rest: { labels: { a: 'b' }, generation: 2 } }],
    ['a default that is written out', { domain: { cpu: { sockets: 1, cores: 1, threads: 1 } } }],
    ['a data volume that nothing uses', { dataVolumes: ['root', 'other'] }],
    ['the same size in other words', { domain: { memory: { guest: '1024Mi' } } }],
  ])('%s', (_, wanted) => {
    expect(plan(wanted)).toEqual({ restart: [] });
  });
});

describe('CPUs', () => {
  test('are added up to those that there is room for', () => {
    expect(plan({ domain: { cpu: { sockets: 4 } } }).next?.change).toEqual({ kind: 'add-cpus', count: 4 });
    expect(plan({ domain: { cpu: { sockets: 5 } } })).toEqual({
      restart: ['spec.template.spec.domain.cpu.sockets (more than the 4 it can have while it runs)'],
    });
  });

  test('go at a restart only', () => {
    const restart = ['spec.template.spec.domain.cpu.sockets (fewer than it runs with)'];
    expect(plan({}, { domain: { cpu: { sockets: 2 } } })).toEqual({ restart });
  });

  test('are added as the request says where nothing else does', () => {
    const requests = (cpu: string) => ({ domain: { cpu: {}, resources: { requests: { cpu } } } });
    expect(plan(requests('3'), requests('1')).next?.change).toEqual({ kind: 'add-cpus', count: 3 });
  });
});

describe('memory', () => {
  const guest = (size: string) => ({ domain: { memory: { guest: size } } });
  const why = (size: string, limits = LIMITS) => plan(guest(size), {}, {}, limits).restart;

  test('grows and shrinks between what the start gave and what it left room for', () => {
    const change = { kind: 'set-memory', bytes: 3072 * MIB, maxBytes: 4096 * MIB, balloon: true };
    expect(plan(guest('3Gi')).next?.change).toEqual(change);
    expect(plan(guest('3Gi'), guest('4Gi')).next?.change).toEqual(change);
    expect(why('5Gi')).toEqual([expect.stringContaining('more than the 4096Mi')]);
    expect(why('1025Mi')).toEqual([expect.stringContaining('steps of 2Mi')]);
    expect(why('2Gi', { ...LIMITS, maxMemoryBytes: LIMITS.memoryBytes })).toEqual([
      expect.stringContaining('without memory.maxGuest'),
    ]);
  });

  test('goes below what the start gave where there is a balloon that the box can use', () => {
    const change = { kind: 'set-memory', bytes: 511 * MIB, maxBytes: 4096 * MIB, balloon: true };
    expect(plan(guest('511Mi'))).toMatchObject({ next: { change }, restart: [] });
    expect(plan(guest('1Gi'), guest('512Mi')).next?.change).toMatchObject({ bytes: 1024 * MIB });
    const bound = (size: string, bind: object) => ({ domain: { memory: { guest: size, ...bind } } });
    const less = [expect.stringContaining('less than it was started with')];
    for (const bind of [{ hugepages: { pageSize: '2Mi' } }, { reservedOverhead: { memLock: 'Required' } }])
      expect(plan(bound('512Mi', bind), bound('1Gi', bind)).restart).toEqual(
        'hugepages' in bind ? [expect.stringContaining('spec.template.spec.domain.memory.guest')] : less,
      );
    const without = (size: string) => {
      return { ...guest(size), devices: { ...disks().devices, autoattachMemBalloon: false } };
    };
    expect(plan(without('512Mi'), without('1Gi')).restart).toEqual(less);
  });

  test('is asked for again where it is not known whether that was done', () => {
    const running = (size: string, balloonBytes: number) => {
      const known = {
        machine: compileMachine(machine(guest(size))),
        limits: LIMITS,
        places: {},
        balloonBytes,
      };
      return planChange(known, known.machine).live[0]?.change;
    };
    expect(running('1Gi', 512 * MIB)).toMatchObject({ kind: 'set-memory', bytes: 1024 * MIB });
    expect(running('512Mi', 1024 * MIB)).toMatchObject({ kind: 'set-memory', bytes: 512 * MIB });
    expect(running('2Gi', 1024 * MIB)).toBeUndefined();
  });
});

describe('disks', () => {
  test('come and go where their volume says so, those that go first', () => {
    expect(settle(disks('a', 'b'))).toEqual({ kinds: ['plug-disk', 'plug-disk'], restart: [] });
    expect(settle(disks('b'), disks('a'))).toEqual({ kinds: ['unplug-disk', 'plug-disk'], restart: [] });
    // Its data volume is no longer there either.
    expect(settle({}, disks('a'))).toEqual({ kinds: ['unplug-disk'], restart: [] });
  });

  test('of other volumes wait for a restart, and say how it is otherwise', () => {
    const scratch = {
      devices: { disks: [...disks().devices.disks, { name: 'x', disk: { bus: 'virtio' } }] },
      spec: { volumes: [...disks().spec.volumes, { name: 'x', emptyDisk: { capacity: '1Gi' } }] },
    };
    const { kinds, restart } = settle(scratch);
    expect(kinds).toEqual([]);
    expect(restart).toEqual([
      expect.stringMatching(/^spec\.template\.spec\.domain\.devices\.disks\[x\] \(only .*hotpluggable: true/),
      expect.stringMatching(/^spec\.template\.spec\.volumes\[x\] \(only/),
    ]);
  });

  test('and media stay as they are while it runs with disableHotplug', () => {
    const still = (wish: Wish): Wish => ({ ...wish, devices: { ...wish.devices, disableHotplug: true } });
    for (const [wanted, running] of [
      [disks('a'), disks()],
      [disks(), disks('a')],
    ] as const) {
      const { kinds, restart } = settle(still(wanted), still(running));
      expect(kinds).toEqual([]);
      expect(restart).toContainEqual(
        expect.stringMatching(/devices\.disks\[a\] \(it was started with disableHotplug\)$/),
      );
    }
    const cdrom = (volume: string) => ({
      devices: { disks: [...disks().devices.disks, { name: 'cd', cdrom: { bus: 'sata' } }] },
      spec: { volumes: [...disks().spec.volumes, { name: 'cd', dataVolume: { name: volume } }] },
      dataVolumes: ['root', 'a', 'b'],
    });
    expect(settle(cdrom('b'), cdrom('a'))).toEqual({ kinds: ['change-medium'], restart: [] });
    expect(settle(still(cdrom('b')), still(cdrom('a')))).toEqual({
      kinds: [],
      restart: [expect.stringContaining('(it was started with disableHotplug)')],
    });
    // It is of the next start, as it was of this one.
    expect(settle(still(disks('a')), disks()).kinds).toEqual(['plug-disk']);
    expect(settle(still(disks())).restart).toEqual(['spec.template.spec.domain.devices.disableHotplug']);
  });

  test('that an agent was about to plug in when it ended go, unless they are wanted', () => {
    const places = { 'disk-root': 'port0', 'disk-late': 'port1', 'interface-late': 'port2', sata1: '0x4' };
    const first = plan({}, {}, places).next;
    expect(first?.change).toEqual({ kind: 'unplug-disk', name: 'late' });
    const { 'disk-late': _, ...after } = places;
    expect(plan({}, {}, after).next?.change).toEqual({ kind: 'unplug-interface', name: 'late' });
    expect(plan(disks('late'), {}, { 'disk-late': 'port1' }).next?.change.kind).toBe('plug-disk');
  });
});

describe('cards', () => {
  const cards = (...interfaces: object[]) => ({
    devices: { ...disks().devices, autoattachPodInterface: false, interfaces },
    spec: { ...disks().spec, networks: interfaces.map(() => ({ name: 'net', pod: {} })) },
  });
  const card = { name: 'net', masquerade: {} };

  test('come and go with their networks', () => {
    expect(settle(cards(card), cards())).toEqual({ kinds: ['plug-interface'], restart: [] });
    expect(settle(cards(), cards(card))).toEqual({ kinds: ['unplug-interface'], restart: [] });
  });

  test('that are not PCI Express wait for a restart', () => {
    expect(settle(cards({ ...card, model: 'e1000' }), cards()).restart).toEqual([
      expect.stringContaining("interfaces[net] (e1000 cards don't"),
    ]);
  });
});

describe('cables and forwarded ports', () => {
  const card = (change: object) => ({
    devices: { ...disks().devices, interfaces: [{ name: 'net', masquerade: {}, ...change }] },
    spec: { ...disks().spec, networks: [{ name: 'net', pod: {} }] },
  });
  const ports = (...numbers: number[]) => ({ ports: numbers.map((port) => ({ port })) });
  const noted = (linksDown: string[], ...numbers: number[]) => ({
    linksDown,
    ports: numbers.map((port) => ({
      port,
      protocol: 'TCP' as const,
      interface: 'net',
      hostPort: port + 1000,
      hostAddress: '127.0.0.1',
    })),
  });
  const leftover = (running: object, cards: ReturnType<typeof noted>) => {
    const machine_ = machine(card(running));
    const known = { machine: compileMachine(machine_), limits: LIMITS, places: {}, cards };
    return planChange(known, compileMachine(machine_)).live[0]?.change;
  };

  test('change while it runs, together', () => {
    const { next, restart } = plan(card({ ...ports(80, 443), state: 'down' }), card(ports(80)));
    const wanted = { name: 'net', up: false, ports: [{ port: 80 }, { port: 443 }] };
    expect([next?.change, restart]).toMatchObject([{ kind: 'change-interface', interface: wanted }, []]);
    expect(next?.fields).toEqual([
      'spec.template.spec.domain.devices.interfaces[net].ports',
      'spec.template.spec.domain.devices.interfaces[net].state',
    ]);
  });

  test('are put right where a start or a change was cut off before they were, or before that was noted', () => {
    expect(leftover({ state: 'down' }, noted([]))).toMatchObject({ interface: { up: false } });
    expect(leftover({}, noted(['net']))).toMatchObject({ interface: { up: true } });
    expect(leftover(ports(80), noted([], 80, 443))).toMatchObject({ interface: { ports: [{ port: 80 }] } });
    expect(leftover(ports(80), noted([], 443))).toMatchObject({ interface: { ports: [{ port: 80 }] } });
    expect(leftover({ ...ports(80), state: 'down' }, noted(['net'], 80))).toBeUndefined();
  });
});

describe('what needs a restart', () => {
  test('is named field by field, and CPUs and memory wait for it too; disks do not', () => {
    const wanted = {
      ...disks('a'),
      domain: { cpu: { sockets: 2, cores: 2 }, memory: { guest: '2Gi' }, firmware: { serial: 'x' } },
    };
    expect(settle(wanted)).toEqual({
      kinds: ['plug-disk'],
      restart: [
        'spec.template.spec.domain.cpu.cores',
        'spec.template.spec.domain.firmware.serial',
        'spec.template.spec.domain.cpu.sockets',
        'spec.template.spec.domain.memory.guest',
      ],
    });
  });

  test('is told apart from what is made while it runs', () => {
    const wanted = { ...disks('a'), domain: { cpu: { sockets: 2 }, firmware: { serial: 'x' } } };
    const { unmade } = planChange(
      { machine: compileMachine(machine()), limits: LIMITS, places: {} },
      compileMachine(machine(wanted)),
    );
    expect(unmade).toEqual({
      live: [
        ['domain', 'devices', 'disks', '[a]'],
        ['volumes', '[a]'],
      ],
      atRestart: [
        ['domain', 'firmware', 'serial'],
        ['domain', 'cpu', 'sockets'],
      ],
    });
  });

  test('is named as it is in the instance where that is the object', () => {
    const kind = { rest: { kind: 'VirtualMachineInstance' } };
    expect(plan({ ...kind, domain: { cpu: { cores: 2 } } }, kind).restart).toEqual(['spec.domain.cpu.cores']);
  });
});
