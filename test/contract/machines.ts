import { expect, test } from 'vitest';
import type { Machines, ObservedMachine, StartRequest } from '../../agent/ports.ts';

/** A box with machines on it. */
export interface MachinesWorld {
  /** As an agent that starts. */
  readonly open: () => Machines;
  /** Takes a disk away, by data volume, as a file system that is not mounted does. */
  readonly takeDisk: (uid: string, dataVolume: string) => void;
  /** A start of the machine `uid`, with one kept disk that is blank, `disk`. */
  readonly request: (run: number) => StartRequest;
  readonly uid: string;
  readonly disk: string;
}

/** What the agent relies on of its machines, whatever they are made of. Call within a `describe`. */
export function testMachines(create: () => MachinesWorld): void {
  const observeIn = async (
    { uid }: MachinesWorld,
    machines: Machines,
  ): Promise<ObservedMachine | undefined> =>
    (await machines.observe()).find((machine) => machine.uid === uid);
  const untilEnded = async (world: MachinesWorld, machines: Machines) =>
    expect
      .poll(async () => (await observeIn(world, machines))?.process, { timeout: 30_000, interval: 20 })
      .toBeUndefined();

  test('a start leaves a record, a process and the disks', async () => {
    const world = create();
    const machines = world.open();
    expect(await observeIn(world, machines)).toBeUndefined();
    await machines.start(world.request(1));
    const observed = await observeIn(world, machines);
    expect(observed).toMatchObject({ record: { run: 1, uid: world.uid }, disks: [world.disk] });
    expect(observed?.process?.pid).toBe(observed?.record?.pid);
    await expect
      .poll(async () => (await observeIn(world, machines))?.process?.runState, { timeout: 30_000 })
      .toBe('running');
  });

  test('the disk of a data volume of its own is made once, and stays', async () => {
    const world = create();
    const machines = world.open();
    const content = { from: 'blank', dataVolume: 'media', bytes: 2 ** 20 } as const;
    // Not every world has sizes.
    const size = { media: content.bytes };
    const isMade = async () => {
      const { diskBytes = size, ...seen } = (await observeIn(world, machines)) ?? {};
      expect([seen, diskBytes]).toEqual([{ uid: world.uid, disks: ['media'] }, size]);
    };
    await machines.makeDisk(world.uid, content, new Map());
    await machines.makeDisk(world.uid, content, new Map());
    await isMade();
    const image = { url: 'http://images.example/absent' };
    const unready = { from: 'image', dataVolume: 'other', source: image, minBytes: 0 } as const;
    await expect(machines.makeDisk(world.uid, unready, new Map())).rejects.toMatchObject({
      code: 'ImageMissing',
    });
    await isMade();
  });

  test('a start does nothing where the machine runs, for this agent and the next', async () => {
    const world = create();
    const first = world.open();
    await first.start(world.request(1));
    const before = await observeIn(world, first);
    await first.start(world.request(2));
    await first.close();
    const second = world.open();
    expect((await observeIn(world, second))?.process?.pid).toBe(before?.process?.pid);
    await second.start(world.request(2));
    const after = await observeIn(world, second);
    expect([after?.process?.pid, after?.record?.run]).toEqual([before?.process?.pid, 1]);
  });

  test('the end of a process is told, and record and disks outlast it', async () => {
    const world = create();
    const machines = world.open();
    const changes: string[] = [];
    machines.onChange((uid) => changes.push(uid));
    await machines.start(world.request(1));
    changes.length = 0;
    await machines.kill(world.uid);
    await untilEnded(world, machines);
    await expect.poll(() => changes, { timeout: 10_000 }).toContain(world.uid);
    expect(await observeIn(world, machines)).toMatchObject({ record: { run: 1 }, disks: [world.disk] });
    await machines.start(world.request(2));
    expect(await observeIn(world, machines)).toMatchObject({ record: { run: 2 }, disks: [world.disk] });
  });

  test('a disk that was there is never made anew', async () => {
    const world = create();
    const machines = world.open();
    await machines.start(world.request(1));
    await machines.kill(world.uid);
    await untilEnded(world, machines);
    world.takeDisk(world.uid, world.disk);
    await expect(machines.start(world.request(2))).rejects.toMatchObject({ code: 'DiskMissing' });
    expect((await observeIn(world, machines))?.process).toBeUndefined();
  });

  test('what has no process takes no button and no quit; a kill of it is done', async () => {
    const world = create();
    const machines = world.open();
    await machines.start(world.request(1));
    await machines.quit(world.uid);
    await untilEnded(world, machines);
    await expect(machines.powerButton(world.uid)).rejects.toMatchObject({ code: 'NotRunning' });
    await expect(machines.quit(world.uid)).rejects.toMatchObject({ code: 'NotRunning' });
    await machines.kill(world.uid);
  });

  test('a pause holds the guest for this agent and the next, and what is resumed goes on', async () => {
    const world = create();
    const machines = world.open();
    await machines.start(world.request(1));
    const stateIs = async (from: Machines, state: string) =>
      expect
        .poll(async () => (await observeIn(world, from))?.process?.runState, {
          timeout: 30_000,
          interval: 20,
        })
        .toBe(state);
    await stateIs(machines, 'running');
    await machines.pause(world.uid);
    await stateIs(machines, 'paused');
    await machines.close();
    const next = world.open();
    await stateIs(next, 'paused');
    await next.resume(world.uid);
    await stateIs(next, 'running');
    await next.reset(world.uid);
    await stateIs(next, 'running');
    await expect(next.readGuest(world.uid)).rejects.toMatchObject({ code: 'GuestAgentFailed' });
  });

  test('a removal is refused while the machine runs, takes all of it, and may come twice', async () => {
    const world = create();
    const machines = world.open();
    await machines.start(world.request(1));
    await expect(machines.remove(world.uid)).rejects.toMatchObject({ code: 'MachineRunning' });
    await machines.kill(world.uid);
    await untilEnded(world, machines);
    await machines.remove(world.uid);
    expect(await machines.observe()).toEqual([]);
    await machines.remove(world.uid);
  });
}
