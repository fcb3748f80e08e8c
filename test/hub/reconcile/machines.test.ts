import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import { machine } from '../api/start-api.ts';
import type { HubWorld } from '../devices/hub-world.ts';
import { GRACE_MS, poll, startHub } from '../devices/hub-world.ts';
import type { ScriptedDevice } from '../devices/scripted-device.ts';
import { reportOf, statusOf } from '../devices/scripted-device.ts';

/** What follows at the hub when machines or devices change: the whole hub, a device that says what a test wants. */

let hub: HubWorld;
let device: ScriptedDevice;
/** The document that the device holds, once it runs its machine. */
let held = { generation: 0, hash: '' };
let sequence: number;
beforeEach(async () => {
  hub = await startHub();
  device = await hub.connect();
  sequence = 0;
  await device.hello();
  expect((await device.takeDocument()).generation).toBe(1);
});
afterEach(() => hub.close());

const spec = (runStrategy: string, nodeSelector: Record<string, string>): ResourceObject => {
  const { spec: given, ...rest } = machine('pos');
  const { template } = given as { template: { spec: object } };
  return { ...rest, spec: { runStrategy, template: { spec: { ...template.spec, nodeSelector } } } };
};
const pos = (runStrategy = 'Always') => spec(runStrategy, { 'kubernetes.io/hostname': 'edge-1' });

async function report(...bodies: object[]): Promise<void> {
  await device.report(...bodies.map((body) => reportOf((sequence += 1), body)));
  await poll(() => device.acks.at(-1)).toBe(sequence);
}

/** Creates the machine and has its device run it. */
async function run(): Promise<string> {
  const uid = await hub.create(pos());
  const { generation, hash } = await device.takeDocument();
  held = { generation, hash };
  await report(statusOf(uid, 'Running'));
  await poll(() => hub.printable('pos')).toBe('Running');
  return uid;
}

describe('the desired document', () => {
  test('rises by one with each change, and with nothing else', async () => {
    const uid = await hub.create(pos('Halted'));
    expect(await device.takeDocument()).toMatchObject({
      generation: 2,
      machines: [{ uid, name: 'pos', namespace: 'default', runStrategy: 'Halted', generation: 1 }],
    });
    await hub.patch('pos', { spec: { runStrategy: 'Always' } });
    expect(await device.takeDocument()).toMatchObject({
      generation: 3,
      machines: [{ uid, runStrategy: 'Always', generation: 2 }],
    });
    await report(statusOf(uid, 'Running', { generation: 2 }));
    await hub.patch('pos', { metadata: { annotations: { note: 'of no matter to the device' } } });
    await hub.patch('pos', { spec: { runStrategy: 'Always' } });
    await hub.patch('pos', { spec: { runStrategy: 'Halted' } });
    expect((await device.takeDocument()).generation).toBe(4);
    expect(device.documents).toEqual([]);
  });

  test('is the newest alone for a device that comes back', async () => {
    const uid = await run();
    await device.cut();
    await poll(() => hub.condition('edge-1', 'Connected')).toMatch(/^False/);
    for (const [index, runStrategy] of ['Halted', 'Manual', 'Once'].entries()) {
      await hub.patch('pos', { spec: { runStrategy } });
      // Patches that come close together make one document.
      await poll(async () => (await hub.device('edge-1'))?.status?.desiredGeneration).toBe(3 + index);
    }

    device = await hub.connect({ epoch: device.epoch, connection: 2 });
    await device.hello({ ...held, acknowledged: sequence });
    expect(await device.takeDocument()).toMatchObject({
      generation: 5,
      machines: [{ uid, runStrategy: 'Once' }],
    });
    expect(device.documents).toEqual([]);
  });

  test('of one device has nothing of machines that are on another', async () => {
    const other = await hub.connect({ name: 'edge-2' });
    await other.hello();
    expect((await other.takeDocument()).machines).toEqual([]);
    await hub.create(pos());
    expect((await device.takeDocument()).machines).toHaveLength(1);
    await other.hello({ generation: 0 });
    expect(await other.takeDocument()).toMatchObject({ generation: 1, machines: [] });
  });

  test('that a device could only take in part says so on the device', async () => {
    await report({ kind: 'desired', generation: 1, problems: [] });
    await poll(() => hub.condition('edge-1', 'DesiredHeld')).toBe('True: the device holds generation 1');
    await hub.create(pos());
    await poll(() => hub.condition('edge-1', 'DesiredHeld')).toBe(
      'False: the device holds generation 1 of 2',
    );
    await report({ kind: 'desired', generation: 2, problems: ['machines[0]: name: is required'] });
    await poll(() => hub.condition('edge-1', 'DesiredHeld')).toBe('False: machines[0]: name: is required');
  });
});

describe('a machine', () => {
  test('waits and says why until exactly one device matches, and is placed then', async () => {
    await hub.create(spec('Always', { shop: 'north' }));
    await poll(() => hub.ready('pos')).toBe(
      'False: 0 devices match nodeSelector shop=north, and exactly one must',
    );
    expect(await hub.printable('pos')).toBe('ErrorUnschedulable');
    await hub.relabel('edge-1', { shop: 'north' });
    expect(await device.takeDocument()).toMatchObject({ machines: [{ name: 'pos' }] });
    await poll(async () => (await hub.machine('pos'))?.metadata.labels).toEqual({
      'holdfast.dev/device': 'edge-1',
    });
  });

  test('stays where its disks are when its nodeSelector, or the labels, name another device', async () => {
    const other = await hub.join('edge-2');
    const uid = await run();
    await hub.patch('pos', {
      spec: { template: { spec: { nodeSelector: { 'kubernetes.io/hostname': 'edge-2' } } } },
    });
    expect(await device.takeDocument()).toMatchObject({ machines: [{ uid }] });
    expect((await hub.machine('pos'))?.metadata.labels).toMatchObject({ 'holdfast.dev/device': 'edge-1' });
    await other.hello();
    expect(await other.takeDocument()).toMatchObject({ generation: 1, machines: [] });
  });

  test('has an instance object while it has a run, which goes when the run is over for good', async () => {
    const uid = await hub.create(pos('Halted'));
    await device.takeDocument();
    await report(statusOf(uid, 'Stopped'));
    await poll(() => hub.printable('pos')).toBe('Stopped');
    expect(await hub.instance('pos')).toBeUndefined();

    await hub.patch('pos', { spec: { runStrategy: 'Always' } });
    await report(statusOf(uid, 'Starting'));
    await poll(async () => (await hub.instance('pos'))?.status?.phase).toBe('Scheduled');
    await report(statusOf(uid, 'Running'));
    await poll(async () => (await hub.instance('pos'))?.status).toMatchObject({
      phase: 'Running',
      nodeName: 'edge-1',
      conditions: [{ type: 'Ready', status: 'True' }],
    });
    const first = await hub.instance('pos');
    expect(first?.metadata.ownerReferences).toMatchObject([{ kind: 'VirtualMachine', name: 'pos', uid }]);

    await report(statusOf(uid, 'Stopped'));
    await poll(() => hub.instance('pos')).toBeUndefined();
    await report(statusOf(uid, 'Running'));
    await poll(async () => (await hub.instance('pos'))?.metadata.uid).toBeTruthy();
    expect((await hub.instance('pos'))?.metadata.uid).not.toBe(first?.metadata.uid);
  });

  test('is Unknown while its device is away, with since when and what was last said, and known again after', async () => {
    await run();
    await device.cut();
    await poll(() => hub.printable('pos')).toBe('Unknown');
    await poll(() => hub.ready('pos')).toMatch(
      /^Unknown: device edge-1 is not connected since 2\d{3}-.*Z; it last said Running at 2\d{3}-.*Z$/,
    );
    await poll(async () => (await hub.instance('pos'))?.status?.phase).toBe('Unknown');
    device = await hub.connect({ epoch: device.epoch, connection: 2 });
    await device.hello({ acknowledged: sequence });
    await poll(() => hub.printable('pos')).toBe('Running');
    expect((await hub.instance('pos'))?.status?.phase).toBe('Running');
  });

  test('is Unknown after the hub started again, until its device is heard', async () => {
    await run();
    await hub.restartOn(hub.snapshot());
    await poll(() => hub.printable('pos'), GRACE_MS).toBe('Unknown');
    await poll(() => hub.ready('pos')).toMatch(
      /^Unknown: device edge-1 has not been heard since .* last said Running/,
    );
    device = await hub.connect({ epoch: device.epoch, connection: 2 });
    await device.hello({ acknowledged: sequence });
    await poll(() => hub.printable('pos')).toBe('Running');
  });

  test('is not spoken of by a device that it is not on', async () => {
    const uid = await run();
    const other = await hub.connect({ name: 'edge-2' });
    await other.hello();
    await other.takeAck();
    await other.report(reportOf(1, statusOf(uid, 'Failed')));
    expect(await other.takeAck()).toBe(1);
    await report(statusOf(uid, 'Stopping'));
    await poll(() => hub.printable('pos')).toBe('Stopping');
  });

  test('that is an instance of its own runs once, on its device', async () => {
    const { spec: given } = pos();
    const { template } = given as { template: { spec: object } };
    const uid = await hub.create({
      apiVersion: 'kubevirt.io/v1',
      kind: 'VirtualMachineInstance',
      metadata: { name: 'pos' },
      spec: template.spec,
    } as ResourceObject);
    expect(await device.takeDocument()).toMatchObject({
      machines: [{ uid, kind: 'VirtualMachineInstance', runStrategy: 'Once' }],
    });
    await report(statusOf(uid, 'Running', { kind: 'VirtualMachineInstance' }));
    await poll(async () => (await hub.instance('pos'))?.status?.phase).toBe('Running');
    await hub.delete('pos', 'virtualmachineinstance');
    expect(await device.takeDocument()).toMatchObject({ machines: [{ uid, removed: true }] });
    expect((await hub.instance('pos'))?.metadata.deletionTimestamp).toBeTruthy();
    await report(statusOf(uid, 'Removed', { kind: 'VirtualMachineInstance' }));
    await poll(() => hub.instance('pos')).toBeUndefined();
  });
});

describe('a machine that is deleted', () => {
  test('stays until its device says that it is removed, and is gone from the document then', async () => {
    const uid = await run();
    await hub.delete('pos');
    expect(await device.takeDocument()).toMatchObject({ machines: [{ uid, name: 'pos', removed: true }] });
    await poll(() => hub.printable('pos')).toBe('Terminating');
    await report(statusOf(uid, 'Stopping'), statusOf(uid, 'Removing'));
    expect(await hub.printable('pos')).toBe('Terminating');
    await report(statusOf(uid, 'Removed'));
    await poll(() => hub.machine('pos')).toBeUndefined();
    expect(await hub.instance('pos')).toBeUndefined();
    expect((await device.takeDocument()).machines).toEqual([]);
  });

  test('while its device is away is removed when that is back', async () => {
    const uid = await run();
    await device.cut();
    await hub.delete('pos');
    await poll(() => hub.printable('pos')).toBe('Terminating');
    device = await hub.connect({ epoch: device.epoch, connection: 2 });
    await device.hello({ ...held, acknowledged: sequence });
    expect(await device.takeDocument()).toMatchObject({ machines: [{ uid, removed: true }] });
  });

  test('with its finalizer taken off by hand is told to the device all the same, and leaves no instance', async () => {
    const uid = await run();
    await device.cut();
    await hub.delete('pos');
    await poll(() => hub.printable('pos')).toBe('Terminating');
    await hub.patch('pos', { metadata: { finalizers: [] } });
    await poll(() => hub.machine('pos')).toBeUndefined();
    await poll(() => hub.instance('pos')).toBeUndefined();

    device = await hub.connect({ epoch: device.epoch, connection: 2 });
    await device.hello({ ...held, acknowledged: sequence });
    expect(await device.takeDocument()).toMatchObject({ machines: [{ uid, removed: true }] });
    await report(statusOf(uid, 'Removed'));
    expect((await device.takeDocument()).machines).toEqual([]);
  });

  test('and made again under its name is another one: the first is removed, and the second is run', async () => {
    const first = await run();
    await hub.delete('pos');
    await device.takeDocument();
    await hub.patch('pos', { metadata: { finalizers: [] } });
    await poll(() => hub.machine('pos')).toBeUndefined();
    const second = await hub.create(pos());
    expect(second).not.toBe(first);
    const byUid = (one: Record<string, unknown>) => [one['uid'], one['removed'] === true];
    const { machines } = await device.takeDocument();
    expect(new Map(machines.map(byUid) as [string, boolean][])).toEqual(
      new Map([
        [first, true],
        [second, false],
      ]),
    );
    await report(statusOf(first, 'Removed'), statusOf(second, 'Running'));
    await poll(() => hub.printable('pos')).toBe('Running');
    expect((await hub.machine('pos'))?.metadata.uid).toBe(second);
  });

  test('before it had a device is gone at once', async () => {
    await hub.create(spec('Always', { shop: 'nowhere' }));
    await poll(() => hub.printable('pos')).toBe('ErrorUnschedulable');
    await hub.delete('pos');
    await poll(() => hub.machine('pos')).toBeUndefined();
  });
});

test('a machine that the hub fails at keeps no other machine from its device', async () => {
  hub.sql(`
    CREATE TRIGGER fail BEFORE UPDATE ON objects WHEN NEW.name = 'poison'
    BEGIN SELECT RAISE(ABORT, 'the disk failed'); END`);
  const { metadata: _none, ...rest } = pos();
  await hub.create({ ...rest, metadata: { name: 'poison' } } as ResourceObject);
  await poll(() => hub.log.lines.some((line) => line.includes('the disk failed'))).toBe(true);
  await hub.create(pos());
  const names = ({ machines }: { machines: Record<string, unknown>[] }) => machines.map(({ name }) => name);
  expect(names(await device.takeDocument())).toEqual(['pos']);

  hub.sql('DROP TRIGGER fail');
  expect(names(await device.takeDocument())).toEqual(['poison', 'pos']);
});
