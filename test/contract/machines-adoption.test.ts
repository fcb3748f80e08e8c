import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { OTHER_UID, UID, blankMachine, observeOne, requestOf, until } from './machines-world.ts';
import { useWorld } from './use-world.ts';

/** That there is one QEMU to a machine, whatever becomes of the agent, and that it is the same one. */
const world = useWorld();

const NODE = join(import.meta.dirname, '../../node_modules/.bin/node');
const STARTER = join(import.meta.dirname, 'machines-starter.ts');

/** Starts an agent that starts the machine, and kills it some time after it began. */
async function killAgentAfter(delayMs: number, run: number): Promise<void> {
  const agent = spawn(NODE, [STARTER, join(world.root, 'data'), String(run)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(agent.stdout, 'data');
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  agent.kill('SIGKILL');
  await once(agent, 'exit');
}

describe('another agent', () => {
  test('adopts what one before it started', async () => {
    const first = world.open();
    await first.start(requestOf(blankMachine()));
    const before = await observeOne(first);
    await first.close();

    const second = world.open();
    const after = await observeOne(second);
    expect(after).toEqual(before);
    await second.start(requestOf(blankMachine(), 2));
    expect((await observeOne(second)).process?.pid).toBe(before.process?.pid);

    const changes: string[] = [];
    second.onChange((uid) => changes.push(uid));
    await second.quit(UID);
    await until('the end of an adopted process is told', () => changes.includes(UID));
    await until('QEMU ended', async () => (await observeOne(second)).process === undefined);
  });

  // The moments are spread over the 200 ms or so that a start takes here.
  test.each([0, 10, 20, 30, 45, 60, 80, 100, 130, 170, 220, 400])(
    'killed %d ms into a start leaves one QEMU or none, and never leads to two',
    async (delayMs) => {
      await killAgentAfter(delayMs, 1);
      const machines = world.open();
      const found = await observeOne(machines).catch(() => undefined);
      await machines.start(requestOf(blankMachine(), found?.process === undefined ? 2 : 1));
      // The process may be found before its monitor listens.
      await until('it runs', async () => (await observeOne(machines)).process?.runState === 'running');
      const started = await observeOne(machines);
      expect(started.record?.pid).toBe(started.process?.pid);
      if (found?.process !== undefined) expect(started.process?.pid).toBe(found.process.pid);
      // Time for a QEMU of the killed agent to show itself.
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(world.pids()).toEqual([started.process?.pid]);
    },
  );

  test('that starts the machine at the same time does not start a second QEMU', async () => {
    const agents = [world.open(), world.open(), world.open()];
    const starts = await Promise.allSettled(
      agents.map(async (agent) => agent.start(requestOf(blankMachine()))),
    );
    expect(starts.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
    expect(world.qemus()).toHaveLength(1);
    const { record, process } = await observeOne(agents[0] ?? world.open());
    expect(process?.pid).toBe(world.qemus()[0]);
    expect(record?.pid).toBe(process?.pid);
  });

  test('finds the process where the record is lost or stale', async () => {
    const first = world.open();
    await first.start(requestOf(blankMachine()));
    await first.close();
    const [pid] = world.qemus();
    const path = join(world.root, 'data/machines', UID, 'record.json');
    const text = readFileSync(path, 'utf8');

    // Killed before the pid was written.
    const { pid: _pid, startTicks: _startTicks, ...incomplete } = JSON.parse(text);
    writeFileSync(path, JSON.stringify(incomplete));
    const second = world.open();
    expect((await observeOne(second)).process).toMatchObject({ pid, runState: 'running' });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(JSON.parse(text));

    // Another process has the pid now; another boot of the host has it.
    const cases = [{ startTicks: 1 }, { pid: 1 }, { bootId: 'of another boot' }];
    for (const change of cases) {
      writeFileSync(path, JSON.stringify({ ...JSON.parse(text), ...change }));
      expect((await observeOne(second)).process).toBeUndefined();
      await second.kill(UID);
      await second.start(requestOf(blankMachine(), 2));
      expect(world.qemus()).toEqual([pid]);
    }

    rmSync(path);
    expect((await observeOne(second)).process).toEqual({ pid, guestAgent: false, addresses: [] });
  });

  test('with a data directory of its own has its own machine of the same uid', async () => {
    const [ours, theirs] = [world.open('ours'), world.open('theirs')];
    await Promise.all([ours.start(requestOf(blankMachine())), theirs.start(requestOf(blankMachine()))]);
    const [our, their] = [await observeOne(ours), await observeOne(theirs)];
    expect(our.process?.pid).not.toBe(their.process?.pid);
    expect(our.record?.ports[0]?.hostPort).not.toBe(their.record?.ports[0]?.hostPort);

    // Their record in our folder names a process that is not ours.
    const record = (agent: string) => join(world.root, agent, 'machines', UID, 'record.json');
    await ours.kill(UID);
    await until('our QEMU ended', () => world.qemus('ours').length === 0);
    writeFileSync(record('ours'), readFileSync(record('theirs')));
    expect((await observeOne(ours)).process).toBeUndefined();
    await ours.kill(UID);
    await ours.remove(UID);
    expect((await observeOne(theirs)).process?.runState).toBe('running');
  });
});

describe('a QEMU that does not answer', () => {
  test('is unknown, holds nothing else up, is not started twice, and is back when it answers', async () => {
    const machines = world.open();
    await machines.start(requestOf(blankMachine()));
    await machines.start(requestOf(blankMachine(OTHER_UID)));
    const pid = (await observeOne(machines)).process?.pid ?? 0;
    process.kill(pid, 'SIGSTOP');

    const beganMs = performance.now();
    const [stopped, other] = await Promise.all([observeOne(machines), observeOne(machines, OTHER_UID)]);
    expect(performance.now() - beganMs).toBeLessThan(3_500);
    expect(stopped.process).toEqual({ pid, guestAgent: false, addresses: [] });
    expect(other.process?.runState).toBe('running');

    const againMs = performance.now();
    await observeOne(machines);
    expect(performance.now() - againMs).toBeLessThan(1_500);
    await machines.start(requestOf(blankMachine(), 2));
    await expect(machines.powerButton(UID)).rejects.toMatchObject({ code: 'QmpTimeout' });
    // Nor does an agent that comes anew get an answer.
    await machines.close();
    const fresh = world.open();
    expect((await observeOne(fresh)).process).toEqual({ pid, guestAgent: false, addresses: [] });
    expect(world.qemus()).toHaveLength(2);

    process.kill(pid, 'SIGCONT');
    await until('it answers', async () => (await observeOne(fresh)).process?.runState === 'running');
    process.kill(pid, 'SIGSTOP');
    await fresh.kill(UID);
    await until('QEMU ended', async () => (await observeOne(fresh)).process === undefined);
  });
});

describe('what is kept of a machine', () => {
  const kept = (name = 'pos') => ({
    desired: { uid: UID, namespace: 'shop', name, kind: 'VirtualMachine', notes: 'ä' },
    memory: { failures: 1, run: { number: 3 }, disks: ['root'] },
  });

  test('is there for another agent, before a start and through it, for the agent alone, until it is removed', async () => {
    const first = world.open();
    await first.keep(UID, kept('till'));
    await first.keep(UID, kept());
    await first.start(requestOf(blankMachine(), 3));
    expect(statSync(join(world.root, 'data/machines', UID, 'machine.json')).mode & 0o077).toBe(0);
    await first.close();
    const second = world.open();
    expect(await observeOne(second)).toMatchObject({ kept: kept(), process: { runState: 'running' } });
    await second.kill(UID);
    await until('QEMU ended', async () => (await observeOne(second)).process === undefined);
    await second.remove(UID);
    expect(await second.observe()).toEqual([]);
  });

  test.each([
    ['is torn', (text: string) => text.slice(0, text.length / 2)],
    ['is of another machine', (text: string) => text.replace(UID, OTHER_UID)],
    ['does not say which machine it is about', (text: string) => text.replace('"name"', '"no"')],
    ['remembers what makes no sense', (text: string) => text.replace('"failures":1', '"failures":"x"')],
  ])('is nothing where it %s', async (_, change) => {
    const machines = world.open();
    await machines.keep(UID, kept());
    const path = join(world.root, 'data/machines', UID, 'machine.json');
    writeFileSync(path, change(readFileSync(path, 'utf8')));
    const seen = await observeOne(machines);
    expect([seen.kept, seen.problem]).toEqual([undefined, undefined]);
  });
});
