import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MachineState } from '../../../shared/model/machine.ts';
import { machine } from '../api/start-api.ts';
import { waitFor } from '../../tools/wait-for.ts';
import type { HubWorld } from '../devices/hub-world.ts';
import { poll, startHub } from '../devices/hub-world.ts';
import type { Received, ScriptedDevice } from '../devices/scripted-device.ts';
import { event, reportOf, statusOf } from '../devices/scripted-device.ts';

/** A hub that was set back to an older copy of its database, while its device went on. */

let hub: HubWorld;
let device: ScriptedDevice;
const uids: Record<string, string> = {};
let last: Received;
/** What the device got first from the hub that was set back. */
let next: Received;
let sequence = 0;

const status = (name: string, state: MachineState, generation = 1) =>
  statusOf(uids[name] ?? '', state, { name, generation }) as { status: object };
const report = async (...bodies: readonly object[]) => {
  await device.report(...bodies.map((body) => reportOf((sequence += 1), body)));
  const untilSequence = sequence;
  await waitFor('the acknowledgement', () => Math.max(...device.acks, 0) >= untilSequence);
};
/** The newest document, once it is one that fits. */
async function untilDocument(fits: (document: Received) => boolean): Promise<Received> {
  for (;;) {
    const document = await device.takeDocument();
    if (fits(document)) return document;
  }
}
const entryOf = (document: Received, name: string) => document.machines.find((entry) => entry.name === name);

beforeAll(async () => {
  hub = await startHub();
  device = await hub.connect();
  await device.hello();
  const names = ['kept', 'changed', 'deleted', 'going', 'unreported'];
  for (const name of names) uids[name] = await hub.create(machine(name));
  await untilDocument(({ machines }) => machines.length === names.length);
  const reported = names.filter((name) => name !== 'unreported');
  await report(...reported.map((name) => status(name, 'Stopped')));
  await waitFor('the reports to be seen', async () => (await hub.printable('going')) === 'Stopped');
  const backup = hub.snapshot();

  uids['after'] = await hub.create(machine('after'));
  await hub.patch('changed', { metadata: { labels: { told: 'later' } }, spec: { runStrategy: 'Always' } });
  await hub.delete('deleted');
  await hub.delete('going');
  last = await untilDocument(({ machines }) => {
    const removed = machines.filter((entry) => entry.removed === true);
    return machines.some(({ name }) => name === 'after') && removed.length === 2;
  });
  await report(status('after', 'Running'), status('changed', 'Running', 2), status('deleted', 'Removed'));
  last = await untilDocument((document) => entryOf(document, 'deleted') === undefined);
  await report({ kind: 'desired', generation: last.generation, problems: [] }, event('before the end'));

  await hub.restartOn(backup);
  device = await hub.connect({ epoch: device.epoch, connection: 2 });
  const { generation, hash } = last;
  await device.hello({ generation, hash, acknowledged: sequence, next: sequence + 1 });
  expect(await device.takeAnswer()).toMatchObject({ kind: 'welcome', sequence, tellAll: true });
  const states: Record<string, [MachineState, number]> = {
    kept: ['Stopped', 1],
    changed: ['Running', 2],
    going: ['Removing', 1],
    after: ['Running', 1],
  };
  const told = last.machines.map((entry) => {
    const [state, number] = states[String(entry.name)] ?? ['Stopped', 1];
    return { kind: 'held', generation, entry, status: status(String(entry.name), state, number).status };
  });
  const machines = last.machines.map(({ uid }) => uid);
  await report(...told, { kind: 'told', generation, machines });
  next = await device.takeDocument();
});
afterAll(() => hub.close());

describe('a hub that was set back', () => {
  test('goes on above the newest that the device holds, with what that says', () => {
    expect(next.generation).toBe(last.generation + 1);
    expect(next.machines).toEqual(last.machines);
  });

  test('has what was made since, from what the device holds', async () => {
    const after = await hub.machine('after');
    expect(after?.metadata).toMatchObject({
      uid: uids['after'],
      annotations: { 'holdfast.dev/recovered-from': 'edge-1' },
    });
    await poll(() => hub.printable('after')).toBe('Running');
  });

  test('has what was changed since, and what it alone knows of that machine', async () => {
    const changed = await hub.machine('changed');
    expect(changed).toMatchObject({ metadata: { generation: 2 }, spec: { runStrategy: 'Always' } });
    expect(changed?.spec.template).toEqual((await hub.machine('kept'))?.spec.template);
    await poll(() => hub.printable('changed')).toBe('Running');
  });

  test('goes on deleting what was being deleted', async () => {
    expect(await hub.printable('going')).toBe('Terminating');
    expect(entryOf(next, 'going')).toMatchObject({ removed: true });
    await report(status('going', 'Removed'));
    await poll(() => hub.machine('going')).toBeUndefined();
  });

  test('has the device make nothing anew that was deleted, and says so', async () => {
    expect(await hub.printable('deleted')).toBe('ErrorPvcNotFound');
    expect(await hub.ready('deleted')).toMatch(/^False: device edge-1 held it once and does not any more/);
    expect(entryOf(next, 'deleted')).toBeUndefined();
    await hub.patch('deleted', { spec: { runStrategy: 'Always' } });
    const anew = await untilDocument((document) => entryOf(document, 'deleted') !== undefined);
    expect(entryOf(anew, 'deleted')).toMatchObject({ uid: uids['deleted'], generation: 2 });
    await report(status('deleted', 'Running', 2));
    await poll(() => hub.printable('deleted')).toBe('Running');
  });

  test('takes the events since, each once', async () => {
    await report(event('after'));
    await poll(async () => (await hub.events()).map(({ message }) => message)).toEqual(['after']);
  });
});
