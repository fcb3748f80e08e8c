import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../shared/model/device.ts';
import type { Event } from '../../shared/model/event.ts';
import type { DesiredMachine } from '../../shared/model/machine.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import { READY_LINE, compileSmallMachine } from '../bench/small-machine.ts';
import { compareTold, keepJournal, readHeld, readJournal, toldBy } from '../tools/event-journal.ts';
import { startTicksOf } from '../tools/processes.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { AgedWorld } from './aged-world.ts';
import { createAgedWorld } from './aged-world.ts';
import { compileIdleMachine } from './idle-machine.ts';

const DEVICE = 'edge-1';
const HOUR_MS = 3_600_000;
const HOURS = 24;
/** Between an order and the moment that it is written down with, on a busy machine. */
const NEAR_MS = 10_000;
const MACHINES = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines';

let world: AgedWorld;
beforeAll(async () => {
  world = await createAgedWorld(DEVICE);
});
afterAll(() => world.close());

const machine = (name: string) => world.call<VirtualMachine>('GET', `${MACHINES}/${name}`);
const local = (name: string) => world.door.status().machines.find((one) => one.name === name);
const untilLocal = (name: string, state: string) =>
  waitFor(`${name} ${state}`, () => local(name)?.state === state);
const untilPrintable = (name: string, printable: string) =>
  waitFor(`${name} ${printable} at the hub`, async () => {
    return (await machine(name)).status?.printableStatus === printable;
  });
const connected = async () => {
  const { status } = await world.call<Device>('GET', `/apis/holdfast.dev/v1alpha1/devices/${DEVICE}`);
  return status?.conditions?.find(({ type }) => type === 'Connected')?.status;
};
const consoleOf = (uid = '') => readFileSync(join(world.dataDir, 'machines', uid, 'console.log'), 'utf8');

test('a day without the hub: all that happened is told, once and with its time, and nothing was restarted', async () => {
  await keepJournal(world.dataDir);
  const machines = [
    compileSmallMachine('steady', DEVICE, world.kernels),
    compileIdleMachine('fragile', DEVICE),
    compileIdleMachine('ordered', DEVICE),
  ];
  for (const manifest of machines) await world.call('POST', MACHINES, manifest);
  for (const name of ['steady', 'fragile', 'ordered']) await untilPrintable(name, 'Running');
  const { uid, pid = 0 } = local('steady') ?? {};
  await waitFor('the guest', () => consoleOf(uid).includes(READY_LINE));
  const ticks = startTicksOf(pid);

  world.gate.shut();
  const awayAtMs = world.clock.now();
  await waitFor('the link to be down', () => world.door.status().link.state === 'down');
  const orders: { readonly reason: string; readonly atMs: number }[] = [];
  for (let hour = 0; hour < HOURS; hour += 1) {
    const verb = hour % 2 === 0 ? 'stop' : 'start';
    const reason = `hour ${hour}.`;
    orders.push({ reason, atMs: world.clock.now() });
    world.door.order(verb, 'ordered', reason);
    await untilLocal('ordered', verb === 'stop' ? 'Stopped' : 'Running');
    if (hour % 6 === 3) {
      const before = local('fragile')?.pid ?? 0;
      process.kill(before, 'SIGKILL');
      await waitFor('the fall to be seen', () => local('fragile')?.pid !== before);
      await untilLocal('fragile', 'Running');
    }
    const template = { spec: { terminationGracePeriodSeconds: 100 + hour } };
    await world.call('PATCH', `${MACHINES}/steady`, { spec: { template } });
    await world.clock.skip(HOUR_MS);
  }
  expect(world.door.status().link.state).toBe('down');
  expect(await connected()).toBe('False');
  expect((await machine('steady')).status?.printableStatus).toBe('Unknown');

  const backAtMs = world.clock.now();
  expect(backAtMs - awayAtMs).toBeGreaterThan(HOURS * HOUR_MS);
  world.gate.open();
  await waitFor('the link', () => world.door.status().link.state === 'up');
  await waitFor('the hub to know', async () => (await connected()) === 'True');
  const events = await waitFor('every event', async () => {
    const { items } = await world.call<{ items: Event[] }>('GET', '/api/v1/events');
    const problem = compareTold(readJournal(world.dataDir), toldBy(DEVICE, items));
    if (problem !== undefined) throw new Error(problem);
    return items.filter(({ reportingInstance }) => reportingInstance === DEVICE);
  });

  const ordered = events.filter(({ reason }) => reason === 'LocalOrder');
  for (const { reason, atMs } of orders) {
    const told = ordered.filter(({ message }) => message?.endsWith(reason));
    expect(told, reason).toHaveLength(1);
    expect(Math.abs(Date.parse(told[0]?.eventTime ?? '') - atMs), reason).toBeLessThan(NEAR_MS);
    expect(Date.parse(told[0]?.metadata.creationTimestamp ?? '') + 1_000).toBeGreaterThan(backAtMs);
  }
  const falls = events.filter(({ reason, involvedObject }) => {
    return reason === 'Failed' && involvedObject.name === 'fragile';
  });
  expect(falls).toHaveLength(HOURS / 6);
  expect(events.filter(({ involvedObject }) => involvedObject.name === 'steady')).toHaveLength(1);

  await untilPrintable('steady', 'Running');
  await untilPrintable('fragile', 'Running');
  await untilPrintable('ordered', 'Running');
  const held = () => readHeld<DesiredMachine>(world.dataDir).get('steady');
  await waitFor('the newest edit', () => {
    return held()?.spec.terminationGracePeriodSeconds === 100 + HOURS - 1;
  });
  expect(local('steady')?.pid).toBe(pid);
  expect(startTicksOf(pid)).toBe(ticks);
  expect(consoleOf(uid).split(READY_LINE)).toHaveLength(2);
});
