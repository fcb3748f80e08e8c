import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { readRunLimits } from '../../agent/machine/run-limits.ts';
import type { CompiledMachine } from '../../agent/machine/compile.ts';
import { planChange } from '../../agent/plan/plan-change.ts';
import { readWanted } from '../../agent/plan/read-wanted.ts';
import type { Machines } from '../../agent/ports.ts';
import { listening } from '../tools/processes.ts';
import {
  GUEST_FOLDER,
  UID,
  blankMachine,
  killMachine,
  listen,
  observeOne,
  requestOf,
  until,
} from './machines-world.ts';
import { useWorld } from './use-world.ts';

/** What is changed of a machine while its guest runs, with a real guest that sees it. */
const world = useWorld();

type Spec = CompiledMachine['desired']['spec'];
type Wish = {
  sockets?: number;
  guest?: string;
  disk?: boolean;
  card?: boolean;
  cable?: boolean;
  ports?: number[];
};

/** What systems with udev do by rules: a new CPU is switched on, and a new card asks for an address. And it tells of its cable. */
const ADAPT = `#!/bin/sh
(while sleep 0.2; do
  for cpu in /sys/devices/system/cpu/cpu*/online; do grep -q 1 $cpu || echo 1 >$cpu; done
  if [ -e /sys/class/net/eth0 ] && [ ! -e /run/card ]; then
    touch /run/card
    ip link set eth0 up
    udhcpc -b -t 20 -T 1 -i eth0 -s /etc/udhcpc
  fi
  cable=$(cat /sys/class/net/eth0/carrier)
  [ "$cable" = "$before" ] || echo "cable $cable" >/dev/ttyS0
  before=$cable
done) >/dev/null 2>&1 &
`;

function machineWith(wish: Wish = {}): CompiledMachine {
  const { sockets = 1, guest = '1Gi', disk = false, card = false, cable = true, ports = [80] } = wish;
  const forwarded = ports.map((port) => ({ name: `port-${port}`, port }));
  const state = cable ? 'up' : 'down';

  return blankMachine(UID, (spec): Spec => ({
    ...spec,
    domain: {
      cpu: { sockets },
      memory: { guest },
      firmware: {
        kernelBoot: {
          kernelArgs: 'console=ttyS0 quiet memhp_default_state=online',
          container: { image: `file://${GUEST_FOLDER}`, kernelPath: '/vmlinuz', initrdPath: '/initrd' },
        },
      },
      devices: {
        autoattachPodInterface: false,
        disks: [
          { name: 'seed', disk: { bus: 'virtio' } },
          ...(disk ? [{ name: 'data', disk: { bus: 'virtio' as const }, serial: 'DATA' }] : []),
        ],
        ...(card ? { interfaces: [{ name: 'default', masquerade: {}, ports: forwarded, state }] } : {}),
      },
    },
    networks: card ? spec.networks : [],
    volumes: [
      { name: 'seed', cloudInitNoCloud: { userData: ADAPT } },
      ...(disk ? [{ name: 'data', dataVolume: { name: 'pos-blank', hotpluggable: true } }] : []),
    ],
  }));
}

/** As the agent's loop does: makes what differs, one change after the other; the result is what needs a restart. */
async function converge(machines: Machines, wanted: CompiledMachine): Promise<readonly string[]> {
  for (;;) {
    const { record, process } = await observeOne(machines);
    const running = readWanted(record?.desired);
    if (running?.kind !== 'machine' || record === undefined) throw new Error('what runs is not known');
    const plan = planChange(
      {
        machine: running.compiled,
        limits: readRunLimits(record.command),
        places: record.places ?? {},
        cards: { linksDown: record.linksDown ?? [], ports: record.ports },
        addedBytes: process?.addedMemory?.requestedBytes ?? 0,
        ...(record.balloonBytes === undefined ? {} : { balloonBytes: record.balloonBytes }),
      },
      wanted,
    );
    const [next] = plan.live;
    if (next === undefined) return plan.restart;
    await machines.change(UID, { ...next, images: new Map() });
  }
}

const MIB = 2 ** 20;

test('cards, CPUs, memory and disks come and go while the guest runs, which sees them', async () => {
  const first = world.open();
  await first.start(requestOf(machineWith()));
  const heard = listen(await first.openConsole(UID));
  await until('the guest is up', () => /ready hostname=pos/.test(heard.text()), 90_000);
  const { pid } = (await observeOne(first)).process ?? {};
  expect(await converge(first, machineWith({ card: true, ports: [8080] }))).toEqual([]);
  const [other] = (await observeOne(first)).record?.ports ?? [];
  expect(await converge(first, machineWith({ card: true, ports: [8080, 80] }))).toEqual([]);
  const { ports = [] } = (await observeOne(first)).record ?? {};
  expect(ports).toEqual([other, expect.objectContaining({ port: 80, interface: 'default' })]);
  let port = ports[1]?.hostPort;
  const ask = async () =>
    (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as Record<string, unknown>;
  await heard.says(/address 10\.0\.2\./);
  const { memoryBytes, ...seen } = await ask();
  expect(seen).toMatchObject({ cpus: 1, disks: [{ name: 'vda' }] });
  const addedMebibytes = async () => (Number((await ask()).memoryBytes) - Number(memoryBytes)) / MIB;

  // A port that is not forwarded any more is closed, and the other one stays where it is.
  expect(await converge(first, machineWith({ card: true }))).toEqual([]);
  await expect(fetch(`http://127.0.0.1:${other?.hostPort}/`)).rejects.toThrow();
  expect((await observeOne(first)).record?.ports).toEqual(ports.slice(1));

  // What a stream had forwarded stays for as long as it is used, whatever is declared meanwhile, and of that port too.
  expect(await converge(first, machineWith({ card: true, ports: [] }))).toEqual([]);
  const stream = await first.openStream(UID, { kind: 'port', port: 80, protocol: 'TCP' });
  expect(await converge(first, machineWith({ card: true, ports: [8080] }))).toEqual([]);
  expect(listening(pid)).toHaveLength(2);
  expect(await converge(first, machineWith({ card: true }))).toEqual([]);
  expect(listening(pid)).toHaveLength(2);
  port = (await observeOne(first)).record?.ports[0]?.hostPort;
  stream.write('GET / HTTP/1.0\r\n\r\n');
  expect(await text(stream)).toContain('"hostname":"pos"');
  await until('what the stream had forwarded is closed', () => listening(pid).length === 1);

  // Memory of its start comes back to the box, and is still counted as the machine's.
  const { claimBytes } = (await observeOne(first)).record ?? {};
  expect(await converge(first, machineWith({ card: true, guest: '896Mi' }))).toEqual([]);
  // The guest gives it back piece by piece: QEMU counts the last one, and the guest has less by then.
  const ballooned = async () => (await observeOne(first)).process?.balloonBytes;
  await until('the guest gave memory back', async () => (await ballooned()) === 896 * MIB);
  expect(await addedMebibytes()).toBeLessThan(-120);
  expect((await observeOne(first)).record).toMatchObject({ claimBytes, balloonBytes: 896 * MIB });

  const { record: before } = await observeOne(first);
  const grown = { card: true, sockets: 2, guest: '1536Mi', disk: true };
  expect(await converge(first, machineWith(grown))).toEqual([]);
  await until('the guest has the CPU', async () => (await ask()).cpus === 2);
  await until('the guest has the memory', async () => (await addedMebibytes()) > 480);
  const added = async () => (await observeOne(first)).process?.addedMemory;
  await until('QEMU counts all of it', async () => (await added())?.bytes === 512 * MIB);
  expect((await added())?.requestedBytes).toBe(512 * MIB);
  expect((await observeOne(first)).record?.balloonBytes).toBe(1024 * MIB);
  expect(await ask()).toMatchObject({ disks: [{ name: 'vda' }, { name: 'vdb', bytes: 8 * MIB }] });
  const { places } = (await observeOne(first)).record ?? {};

  // Another agent takes over from one that ended before it could note what it had done, and before it took a cable out.
  await first.close();
  const path = join(world.root, 'data/machines', UID, 'record.json');
  const { desired } = machineWith({ card: true, cable: false });
  writeFileSync(path, JSON.stringify({ ...before, places, desired, balloonBytes: 1024 * MIB }));
  const second = world.open();
  const wired = listen(await second.openConsole(UID));
  expect(await converge(second, machineWith({ ...grown, cable: false }))).toEqual([]);
  await wired.says(/cable 0/);
  expect((await observeOne(second)).record?.linksDown).toEqual(['default']);
  expect(await converge(second, machineWith({ ...grown, guest: '1Gi', disk: false }))).toEqual([]);
  await until('the guest gave the memory back', async () => (await addedMebibytes()) < 32);
  expect(await ask()).toMatchObject({ cpus: 2, disks: [{ name: 'vda' }] });
  expect((await observeOne(second)).process?.pid).toBe(pid);

  // The kept disk is still there, and what comes back is where it was.
  expect((await observeOne(second)).disks).toEqual(['pos-blank']);
  await killMachine(second);
  await second.start(requestOf(machineWith(grown), 2));
  expect((await observeOne(second)).record?.places).toMatchObject({
    'interface-default': places?.['interface-default'],
  });
  await killMachine(second);
}, 180_000);

/** A machine whose firmware idles, with a CD-ROM drive and what is added. */
function idleMachine({ medium = '', disks = [] as string[], up = true, bus = 'scsi' as const } = {}) {
  return blankMachine(UID, (spec): Spec => ({
    ...spec,
    domain: {
      ...spec.domain,
      devices: {
        disks: [{ name: 'cd', cdrom: { bus: 'sata' } }, ...disks.map((name) => ({ name, disk: { bus } }))],
        interfaces: [{ name: 'default', masquerade: {}, state: up ? 'up' : 'down' }],
      },
    },
    volumes: [
      ...(medium === '' ? [] : [{ name: 'cd', cloudInitNoCloud: { userData: medium } }]),
      ...disks.map((name) => ({ name, dataVolume: { name: `pos-${name}`, hotpluggable: true } })),
    ],
  }));
}

test('media, cables and SCSI disks change, and what does not fit is refused and leaves the machine running', async () => {
  const machines = world.open();
  await machines.start(requestOf(idleMachine()));
  const folder = join(world.root, 'data/machines', UID);
  const { pid } = (await observeOne(machines)).process ?? {};

  for (const medium of ['#!/bin/sh\n# one', '#!/bin/sh\n# two', '']) {
    expect(await converge(machines, idleMachine({ medium }))).toEqual([]);
    if (medium !== '') expect(readFileSync(join(folder, 'seed.iso')).includes(medium)).toBe(true);
  }
  expect(await converge(machines, idleMachine({ up: false }))).toEqual([]);
  expect(await converge(machines, idleMachine({ disks: ['blank'] }))).toEqual([]);
  const { places, desired } = (await observeOne(machines)).record ?? {};
  expect(places).toMatchObject({ scsi0: 'port1', 'disk-blank': 'unit0' });
  expect(desired).toEqual(idleMachine({ disks: ['blank'] }).desired);

  expect((await observeOne(machines)).process).toMatchObject({ pid, runState: 'running' });
  await killMachine(machines);
  await machines.start(requestOf(idleMachine({ disks: ['blank'] }), 2));
  expect((await observeOne(machines)).record?.places).toMatchObject({
    scsi0: 'port1',
    'disk-blank': 'unit0',
  });
});
