import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CompiledMachine } from '../../agent/machine/compile.ts';
import { compileMachine } from '../../agent/machine/compile.ts';
import type { Machines } from '../../agent/ports.ts';
import { createGuestAgent } from '../../agent/qemu/guest-agent.ts';
import { createClock } from '../../shared/host/clock.ts';
import { desiredMachine } from '../../shared/model/machine.ts';
import {
  OTHER_UID,
  UID,
  blankMachine,
  guestMachine,
  killMachine,
  listen,
  observeOne,
  requestOf,
  until,
} from './machines-world.ts';
import { useWorld } from './use-world.ts';

/** Disks of every sort under real QEMU. */
const world = useWorld();

const MIB = 2 ** 20;

/** A machine with these volumes, each on the disk of its name. */
function machineWith(volumes: object[], disks: object[] = [], references: object = {}): CompiledMachine {
  return compileMachine(
    desiredMachine.parse({
      uid: UID,
      namespace: 'shop',
      name: 'pos',
      kind: 'VirtualMachine',
      generation: 1,
      runStrategy: 'Always',
      dataVolumes: [],
      references,
      spec: { domain: { memory: { guest: '64Mi' }, devices: { disks } }, volumes },
    }),
  );
}

/** The box's own disks: an empty raw image as a claim's, and a folder for hostDisk volumes. */
function openWithOutside(): Machines {
  for (const folder of ['claim', 'host']) mkdirSync(join(world.root, folder), { recursive: true });
  const image = join(world.root, 'claim/disk.img');
  if (!existsSync(image)) writeFileSync(image, '');
  truncateSync(image, 4 * MIB);
  const outside = {
    claims: new Map([['shop/ledger', join(world.root, 'claim')]]),
    hostDiskFolders: [join(world.root, 'host')],
  };
  return world.open('data', { outside });
}

const isRunning = async (machines: Machines) => (await observeOne(machines)).process?.runState === 'running';

test('QEMU runs with a disk of each bus and each content', async () => {
  const machines = openWithOutside();
  // A data volume of its own, as another machine made its disk.
  await machines.start(requestOf(blankMachine(OTHER_UID)));
  await killMachine(machines, OTHER_UID);
  const hostDisk = { path: join(world.root, 'host/new.img'), type: 'DiskOrCreate', capacity: '2Mi' };
  const volumes = [
    { name: 'ledger', persistentVolumeClaim: { claimName: 'ledger' } },
    { name: 'host', hostDisk },
    { name: 'layer', ephemeral: { persistentVolumeClaim: { claimName: 'golden' } } },
    { name: 'scratch', emptyDisk: { capacity: '1Mi' } },
    { name: 'config', configMap: { name: 'app' } },
    { name: 'who', downwardAPI: { fields: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
    { name: 'seed', cloudInitConfigDrive: { userData: '#!/bin/sh\n' } },
  ];
  const disks = [
    {
      name: 'ledger',
      disk: { bus: 'scsi' },
      errorPolicy: 'report',
      serial: 'L1',
      blockSize: { matchVolume: {} },
    },
    { name: 'host', disk: { bus: 'usb' }, cache: 'writethrough' },
    { name: 'layer', disk: { bus: 'virtio' }, dedicatedIOThread: true, io: 'native', bootOrder: 1 },
    { name: 'scratch', disk: { bus: 'virtio' }, blockSize: { custom: { logical: 4096, physical: 4096 } } },
    { name: 'config', cdrom: { bus: 'scsi' } },
    { name: 'drive', cdrom: {} },
    { name: 'seed', cdrom: { tray: 'closed' } },
  ];
  const golden = { uid: OTHER_UID, dataVolume: 'pos-blank' };
  const references = { configMaps: { app: { data: { a: 'b' } } }, dataVolumes: { golden } };
  await machines.start(requestOf(machineWith(volumes, disks, references)));
  await until('it runs', () => isRunning(machines));
  expect(readFileSync(hostDisk.path)).toHaveLength(2 * MIB);

  // The layer is made anew, the image that was made is not.
  await killMachine(machines);
  writeFileSync(hostDisk.path, Buffer.alloc(2 * MIB, 'x'));
  await machines.start(requestOf(machineWith(volumes, disks, references), 2));
  expect(readFileSync(hostDisk.path, 'latin1')).toMatch(/^x+$/);

  // A volume that is gone takes its files with it: they may hold what was secret.
  await killMachine(machines);
  await machines.start(requestOf(machineWith(volumes.slice(0, 2), disks.slice(0, 2), references), 3));
  const folder = join(world.root, 'data/machines', UID);
  for (const file of ['seed.iso', 'seed-config.iso', 'scratch-layer.qcow2'])
    expect(existsSync(join(folder, file))).toBe(false);

  // An image that was there at the last start is not made anew: its file system may not be mounted.
  await killMachine(machines);
  rmSync(hostDisk.path);
  await expect(machines.start(requestOf(machineWith(volumes.slice(1, 2)), 4))).rejects.toMatchObject({
    code: 'DiskMissing',
    message: expect.stringContaining(`put ${hostDisk.path} back`),
  });
});

test('a claim that nobody knows is what a start fails of, with the way out', async () => {
  const machines = openWithOutside();
  const volumes = [{ name: 'a', persistentVolumeClaim: { claimName: 'unknown' } }];
  await expect(machines.start(requestOf(machineWith(volumes)))).rejects.toMatchObject({
    code: 'ClaimNotFound',
    message: expect.stringContaining('shop/unknown=PATH'),
  });
});

test('of two machines with one image the second does not start, unless it may be shared', async () => {
  const machines = openWithOutside();
  const volumes = [{ name: 'a', persistentVolumeClaim: { claimName: 'ledger' } }];
  const other = { ...machineWith(volumes), uid: OTHER_UID };
  await machines.start(requestOf(machineWith(volumes)));
  await expect(machines.start(requestOf(other))).rejects.toThrow(/lock/);
  await killMachine(machines);
  const shared = machineWith(volumes, [{ name: 'a', disk: { bus: 'scsi' }, shareable: true }]);
  await machines.start(requestOf(shared, 2));
  await machines.start(requestOf({ ...shared, uid: OTHER_UID }, 2));
  expect((await observeOne(machines, OTHER_UID)).process).toBeDefined();
});

describe('a disk that is to be larger', () => {
  test('grows while its guest runs, and the guest sees it', async () => {
    const machines = world.open();
    await machines.start(requestOf(guestMachine()));
    await listen(await machines.openConsole(UID)).says(/holdfast-guest: ready/);
    const { record, diskBytes } = await observeOne(machines);
    expect(diskBytes).toEqual({ 'pos-root': 64 * MIB });
    await machines.growDisk(UID, 'pos-root', 96 * MIB);
    // Twice is once.
    await machines.growDisk(UID, 'pos-root', 96 * MIB);
    const page = `http://127.0.0.1:${record?.ports[0]?.hostPort}/`;
    await until('the guest sees it', async () =>
      (await (await fetch(page)).text()).includes(`"name":"vda","bytes":${96 * MIB}`),
    );
    expect((await observeOne(machines)).diskBytes).toEqual({ 'pos-root': 96 * MIB });
    await expect(machines.growDisk(UID, 'pos-other', 96 * MIB)).rejects.toMatchObject({
      code: 'NotAttached',
    });
  });

  test('grows with the next start, and is never made smaller', async () => {
    const machines = world.open();
    await machines.start(requestOf(blankMachine()));
    await killMachine(machines);
    const sized = (bytes: number): CompiledMachine => {
      const machine = blankMachine();
      const content = { from: 'blank', dataVolume: 'pos-blank', bytes } as const;
      return { ...machine, disks: machine.disks.map((disk) => ({ ...disk, content })) };
    };
    for (const [run, bytes, expected] of [
      [2, 16 * MIB, 16 * MIB],
      [3, 4 * MIB, 16 * MIB],
    ] as const) {
      await machines.start(requestOf(sized(bytes), run));
      expect((await observeOne(machines)).diskBytes).toEqual({ 'pos-blank': expected });
      await killMachine(machines);
    }
  });
});

test('the guest agent gives a user of the guest keys, in place of those before', async () => {
  const machines = world.open();
  await machines.start(requestOf(guestMachine()));
  await until('the agent is there', async () => (await observeOne(machines)).process?.guestAgent === true);
  const folder = join(world.root, 'data/machines', UID);
  const clock = createClock();
  const readKeys = async () =>
    createGuestAgent(folder, clock).use(1, async (turn) =>
      turn.execute('guest-ssh-get-authorized-keys', { username: 'root' }),
    );
  for (const key of ['ssh-rsa AA a', 'ssh-rsa BB b']) {
    const list = [{ kind: 'keys', user: 'root', keys: [key] }] as const;
    await machines.giveCredentials(UID, { digest: key, list });
    expect((await observeOne(machines)).process?.credentials).toMatchObject({ digest: key });
    expect((await observeOne(machines)).process?.credentials).not.toHaveProperty('problem');
    expect(await readKeys()).toEqual({ keys: [key] });
  }
  const list = [{ kind: 'keys', user: 'nobody-here', keys: [] }] as const;
  await machines.giveCredentials(UID, { digest: 'x', list });
  expect((await observeOne(machines)).process?.credentials?.problem).toContain('keys of nobody-here');
});
