import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Machines } from '../../agent/ports.ts';
import { createTrash } from '../../agent/qemu/trash.ts';
import type { DesiredMachine } from '../../shared/model/machine.ts';
import { createLogRecorder } from '../shared/log-recorder.ts';
import { testMachines } from './machines.ts';
import {
  UID,
  blankMachine,
  guestMachine,
  observeOne,
  killMachine,
  listen,
  requestOf,
  until,
} from './machines-world.ts';
import { useWorld } from './use-world.ts';

/** The port `Machines` through the adapter for QEMU, with real QEMU under TCG. */
const world = useWorld();

type Spec = DesiredMachine['spec'];

const isRoot = process.geteuid?.() === 0;

describe('machines with QEMU', () => {
  testMachines(() => ({
    uid: UID,
    disk: 'pos-blank',
    request: (run) => requestOf(blankMachine(), run),
    takeDisk: (uid, dataVolume) => rmSync(join(world.root, 'data/machines', uid, `disk-${dataVolume}.qcow2`)),
    open: () => world.open(),
  }));
});

describe('a guest', () => {
  test('boots, is talked to, shuts itself down at the button, and is seen to have', async () => {
    const machines = world.open();
    const changes: string[] = [];
    machines.onChange((uid) => changes.push(uid));
    await machines.start(requestOf(guestMachine()));

    const terminal = await machines.openConsole(UID);
    const heard = listen(terminal);
    await heard.says(/holdfast-guest: ready hostname=pos/);
    const started = await observeOne(machines);
    expect(started.process).toMatchObject({ runState: 'running' });
    expect(started.disks).toEqual(['pos-root']);
    const [port] = started.record?.ports ?? [];
    expect(port).toMatchObject({
      name: 'http',
      port: 80,
      protocol: 'TCP',
      hostAddress: '127.0.0.1',
      interface: 'default',
    });
    const page = await fetch(`http://127.0.0.1:${port?.hostPort}/`);
    expect(await page.json()).toMatchObject({ hostname: 'pos', instanceId: UID });

    await until('the guest agent tells addresses', async () => {
      const { process } = await observeOne(machines);
      return process?.guestAgent === true && process.addresses.some(({ ips }) => ips.includes('10.0.2.2'));
    });

    const [figures, ...others] = await machines.measure();
    expect(others).toEqual([]);
    expect(figures).toMatchObject({ uid: UID, name: 'pos', runState: 'running' });
    expect(figures?.memory.guestBytes).toBe(192 * 2 ** 20);
    expect(figures?.memory.residentBytes).toBeGreaterThan(10 * 2 ** 20);
    expect(figures?.cpu.userSeconds).toBeGreaterThan(0);
    expect(figures?.vcpus.map(({ seconds }) => seconds > 0)).toEqual([true]);
    expect(figures?.disks.find(({ name }) => name === 'seed')?.readBytes).toBeGreaterThan(0);

    await heard.says(/login: /);
    terminal.write('root\n');
    await heard.says(/login: .*root/s);
    const lost = new Promise((resolve) => terminal.on('error', resolve));
    const other = await machines.openConsole(UID);
    await listen(other).says(/holdfast-guest: ready/);
    expect(await lost).toMatchObject({ code: 'ConsoleTaken' });

    changes.length = 0;
    await machines.powerButton(UID);
    await until('it shut down', async () => (await observeOne(machines)).process?.runState === 'shutdown');
    expect(changes).toContain(UID);
    expect(readFileSync(join(world.root, 'data/machines', UID, 'console.log'), 'utf8')).toContain(
      'power button pressed',
    );

    await machines.quit(UID);
    await until('QEMU ended', async () => (await observeOne(machines)).process === undefined);
    expect(await machines.measure()).toEqual([]);
  }, 60_000);

  test('keeps its disk and gets a fresh scratch disk at the next start', async () => {
    const machines = world.open();
    const folder = join(world.root, 'data/machines', UID);
    const inodes = () =>
      ['disk-pos-root', 'scratch-scratch'].map((name) => statSync(join(folder, `${name}.qcow2`)).ino);
    await machines.start(requestOf(guestMachine()));
    const [root, scratch] = inodes();
    const { record } = await observeOne(machines);
    await killMachine(machines);

    // As after a start of which only the disk was made: it needs no image.
    await machines.start({ ...requestOf(guestMachine(), 2), images: new Map() });
    const [rootAfter, scratchAfter] = inodes();
    expect(rootAfter).toBe(root);
    expect(scratchAfter).not.toBe(scratch);
    const after = await observeOne(machines);
    expect(after.record?.run).toBe(2);
    expect(after.record?.ports).toEqual(record?.ports);
  });
});

describe('the PCI slots', () => {
  const recordPath = () => join(world.root, 'data/machines', UID, 'record.json');
  const placesOf = async (machines: Machines) => (await observeOne(machines)).record?.places;
  const withDisk = (name: string) =>
    blankMachine(UID, (spec) => ({
      ...spec,
      domain: {
        ...spec.domain,
        devices: { ...spec.domain.devices, disks: [{ name, disk: { bus: 'virtio' } }] },
      },
      volumes: [
        { name: 'blank', dataVolume: { name: 'pos-blank' } },
        { name, emptyDisk: { capacity: '4Mi' } },
      ],
    }));

  test('of devices stay what they were from run to run', async () => {
    const machines = world.open();
    await machines.start(requestOf(blankMachine()));
    const first = await placesOf(machines);
    expect(first).toMatchObject({ 'disk-blank': 'port0', 'interface-default': 'port1' });
    await killMachine(machines);
    await machines.start(requestOf(withDisk('first'), 2));
    expect(await placesOf(machines)).toMatchObject({ 'disk-first': 'port2', 'interface-default': 'port1' });
  });

  test('of a machine from before there were root ports are kept', async () => {
    const machines = world.open();
    await machines.start(requestOf(blankMachine()));
    await killMachine(machines);
    const { places: _, ...record } = JSON.parse(readFileSync(recordPath(), 'utf8'));
    const old = JSON.stringify(record).replaceAll('bus=port0,addr=0x0', 'addr=0xc');
    writeFileSync(recordPath(), old.replaceAll('bus=port1,addr=0x0', 'addr=0x4'));
    await machines.start(requestOf(blankMachine(), 2));
    expect(await placesOf(machines)).toMatchObject({ 'disk-blank': '0xc', 'interface-default': '0x4' });
    expect((await observeOne(machines)).process?.runState).toBe('running');
  });
});

describe('a full disk', () => {
  /** Makes `small` a file system of this size. */
  const withSmallDisk = async (size: string, use: (folder: string) => Promise<void>) => {
    const folder = join(world.root, 'small');
    mkdirSync(folder);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]);
    try {
      await use(folder);
    } finally {
      execFileSync('umount', ['--lazy', folder]);
    }
  };

  test.runIf(isRoot)('is what a start fails of', async () => {
    await withSmallDisk('64k', async () => {
      const machines = world.open('small');
      await expect(machines.start(requestOf(blankMachine()))).rejects.toMatchObject({ code: 'DiskFull' });
      expect((await observeOne(machines)).disks).toEqual([]);
    });
  });

  test.runIf(isRoot)('holds the guest, which goes on when there is space', async () => {
    await withSmallDisk('2m', async (folder) => {
      const machines = world.open('small');
      const fill = '#!/bin/sh\ndd if=/dev/urandom of=/dev/vdc bs=64k count=60 && echo written\n';
      await machines.start(requestOf(guestMachine(UID, fill)));
      await until('it is held', async () => (await observeOne(machines)).process?.runState === 'io-error');
      execFileSync('mount', ['-o', 'remount,size=64m', folder]);
      await machines.resume(UID);
      await listen(await machines.openConsole(UID)).says(/written/);
      expect((await observeOne(machines)).process?.runState).toBe('running');
      await killMachine(machines);
    });
  });
});

describe('a start', () => {
  test('does nothing where the machine runs', async () => {
    const machines = world.open();
    await machines.start(requestOf(blankMachine()));
    const { process } = await observeOne(machines);
    await machines.start(requestOf(blankMachine(), 2));
    const after = await observeOne(machines);
    expect(after.process?.pid).toBe(process?.pid);
    expect(after.record?.run).toBe(1);
  });

  test('takes another port where its own was taken meanwhile', async () => {
    const machines = world.open();
    await machines.start(requestOf(blankMachine()));
    const hostPort = (await observeOne(machines)).record?.ports[0]?.hostPort;
    await killMachine(machines);
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(hostPort, '127.0.0.1', resolve));
    await machines.start(requestOf(blankMachine(), 2));
    squatter.close();
    const { record, process } = await observeOne(machines);
    expect(record?.ports[0]?.hostPort).not.toBe(hostPort);
    expect(process?.runState).toBe('running');
  });

  test('says what is wrong with a kernel, and leaves nothing running', async () => {
    const machines = world.open();
    const boots = (image: string, kernelPath: string, agent = machines) =>
      agent.start(
        requestOf(
          blankMachine(UID, (spec) => ({
            ...spec,
            domain: { ...spec.domain, firmware: { kernelBoot: { container: { image, kernelPath } } } },
          })),
        ),
      );
    await expect(boots(`file://${world.root}`, 'missing')).rejects.toMatchObject({ code: 'KernelUnusable' });
    // A file of the box that is none of the images.
    await expect(boots('file:///etc', 'passwd')).rejects.toMatchObject({ code: 'KernelUnusable' });
    writeFileSync(join(world.root, 'empty'), '');
    const machinesOfRoot = world.open('data', { localImages: world.root });
    await expect(boots(`file://${world.root}`, 'empty', machinesOfRoot)).rejects.toMatchObject({
      code: 'KernelUnusable',
      message: expect.stringContaining('could not load kernel'),
    });
    expect(world.pids()).toEqual([]);
    expect((await observeOne(machines)).process).toBeUndefined();
  });

  test('never makes a disk anew that was there', async () => {
    const machines = world.open();
    await machines.start(requestOf(blankMachine()));
    await killMachine(machines);
    rmSync(join(world.root, 'data/machines', UID, 'disk-pos-blank.qcow2'));
    await expect(machines.start(requestOf(blankMachine(), 2))).rejects.toMatchObject({ code: 'DiskMissing' });
    expect(world.pids()).toEqual([]);
  });

  test('is refused where the record of the last run can not be read', async () => {
    const machines = world.open('data', { log: createLogRecorder() });
    await machines.start(requestOf(blankMachine()));
    await killMachine(machines);
    writeFileSync(join(world.root, 'data/machines', UID, 'record.json'), '');
    // It would have said that this disk must be there.
    rmSync(join(world.root, 'data/machines', UID, 'disk-pos-blank.qcow2'));
    await expect(machines.start(requestOf(blankMachine(), 2))).rejects.toMatchObject({
      code: 'RecordUnreadable',
    });
    expect((await observeOne(machines)).problem).toContain('record.json');
    expect(world.pids()).toEqual([]);
    await machines.remove(UID);
  });

  test.runIf(isRoot)('runs QEMU as another user, where that can read what it needs', async () => {
    const machines = world.open('data', { user: 'nobody' });
    chmodSync(world.root, 0o700);
    await expect(machines.start(requestOf(blankMachine()))).rejects.toMatchObject({ code: 'NotReachable' });
    chmodSync(world.root, 0o711);
    await machines.start(requestOf(blankMachine(), 2));
    const { process: qemu } = await observeOne(machines);
    expect(qemu?.runState).toBe('running');
    const status = readFileSync(`/proc/${qemu?.pid}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\t(20000\d{5})\t\1\t\1\t\1\nGid:\t65534\t/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  });

  test('works in a folder with a path longer than a socket may have', async () => {
    const machines = world.open(`${'long-'.repeat(30)}/data`);
    await machines.start(requestOf(blankMachine()));
    expect((await observeOne(machines)).process?.runState).toBe('running');
    // Of two at once either may be the later one, which has it.
    const opened = await Promise.all([machines.openConsole(UID), machines.openConsole(UID)]);
    await until('one is told', () => opened.some(({ destroyed }) => destroyed));
    const [taken] = opened.filter(({ destroyed }) => destroyed);
    expect(taken?.errored).toMatchObject({ code: 'ConsoleTaken' });
    expect(opened.filter(({ destroyed }) => destroyed)).toHaveLength(1);
    for (const stream of opened) stream.destroy();
  });
});

describe('a removal', () => {
  test('is refused while the machine runs, and takes all its files', async () => {
    const machines = world.open();
    const folder = join(world.root, 'data/machines', UID);
    await machines.start(requestOf(blankMachine()));
    await expect(machines.remove(UID)).rejects.toMatchObject({ code: 'MachineRunning' });
    await killMachine(machines);
    await machines.remove(UID);
    expect(existsSync(folder)).toBe(false);
    expect(await machines.observe()).toEqual([]);
    await machines.remove(UID);
  });

  test('moves all of it to the trash where there is one, but for what is made anew at each start', async () => {
    const trash = join(world.root, 'data/trash');
    const machines = world.open('data', { trash });
    const withSeed = (spec: Spec): Spec => ({
      ...spec,
      volumes: [...(spec.volumes ?? []), { name: 'seed', cloudInitNoCloud: { userData: 'password' } }],
    });
    await machines.start(requestOf(blankMachine(UID, withSeed)));
    expect(existsSync(join(world.root, 'data/machines', UID, 'seed.iso'))).toBe(true);
    await expect(machines.remove(UID)).rejects.toMatchObject({ code: 'MachineRunning' });
    await killMachine(machines);
    await machines.remove(UID);
    expect(await machines.observe()).toEqual([]);
    const [entry = '', ...more] = readdirSync(trash);
    expect([entry, more]).toEqual([expect.stringMatching(/^\d{8}T\d{6}Z-shop\.pos-/), []]);
    const files = readdirSync(join(trash, entry));
    expect(files).toEqual(expect.arrayContaining(['disk-pos-blank.qcow2', 'record.json']));
    expect(files).not.toContain('seed.iso');
    expect(await createTrash(join(world.root, 'data')).list()).toMatchObject([
      { namespace: 'shop', name: 'pos', uid: UID, disks: [{ dataVolume: 'pos-blank' }] },
    ]);
    await machines.remove(UID);
  });

  test('that was cut off is finished at the next start of the agent', async () => {
    const leftover = join(world.root, `data/machines/.removing-${UID}`);
    mkdirSync(leftover, { recursive: true });
    writeFileSync(join(leftover, 'disk-pos-blank.qcow2'), '');
    expect(await world.open().observe()).toEqual([]);
    await until('the leftover is gone', () => !existsSync(leftover));
  });
});
