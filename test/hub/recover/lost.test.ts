import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../tools/wait-for.ts';
import { ALL_VMS, VMS, machine } from '../api/start-api.ts';
import type { TestHub } from '../start-hub.ts';
import { DEVICES, desiredOf, entryOf, startHub, statusOf, VMIS } from '../start-hub.ts';
import type { Box } from '../devices/box.ts';
import { createBox } from '../devices/box.ts';

/** A hub that has lost its database, and boxes that come back to it. */

const POS = '11111111-aaaa-4aaa-8aaa-111111111111';
const VIDEO = '22222222-aaaa-4aaa-8aaa-222222222222';
const GONE = '33333333-aaaa-4aaa-8aaa-333333333333';
const DOMAIN = { memory: { guest: '128Mi' }, devices: {} };
/** A device that has held documents up to the fortieth. */
const KNOWS = { generation: 40, hash: 'of another time', acknowledged: 90 };

let hub: TestHub;
let box: Box;
beforeEach(async () => {
  hub = await startHub();
  box = createBox(hub, 'edge-1', { connection: 7, next: 91 });
});
afterEach(() => hub.stop());

const get = async (path: string) => (await hub.call('GET', path)).body;
const vm = (name: string) => get(`${VMS}/${name}`);
const condition = async (type: string) =>
  (await get(`${DEVICES}/edge-1`)).status?.conditions?.find((one) => one.type === type);
const document = (names: number) =>
  waitFor(
    `a document of ${names}`,
    () => {
      const desired = desiredOf(hub.sent, 'edge-1');
      return desired?.machines.length === names && desired;
    },
    10_000,
  );
const running = (uid: string, name: string) => ({ ...statusOf(uid, name, 'Running'), generation: 5 });

describe('a box that comes back', () => {
  test('is asked for all it knows, and gets no document before it has told it', async () => {
    expect(await box.hello(KNOWS)).toMatchObject({ kind: 'welcome', sequence: 90, tellAll: true });
    await hub.call('POST', VMS, machine('new'));
    hub.clock.advance(1_000);
    await box.report({
      kind: 'metrics',
      metrics: { memoryAvailableBytes: 1, diskAvailableBytes: 1, loadAverage: 0 },
    });
    expect(await condition('DesiredHeld')).toMatchObject({ status: 'Unknown', reason: 'HubBehind' });
    expect(desiredOf(hub.sent, 'edge-1')).toBeUndefined();
    await box.tell(40);
    expect(await document(1)).toMatchObject({ generation: 41, machines: [{ name: 'new' }] });
  });

  test('brings its machines back as objects, as it holds them and as it runs them', async () => {
    await box.hello(KNOWS);
    const spec = { domain: DOMAIN, terminationGracePeriodSeconds: 7 };
    const pos = entryOf(POS, 'pos', { generation: 5, namespace: 'shop', spec });
    const video = entryOf(VIDEO, 'video', { kind: 'VirtualMachineInstance', runStrategy: 'Once' });
    await box.tell(
      40,
      { entry: pos, status: { ...running(POS, 'pos'), namespace: 'shop' } },
      { entry: video, status: { ...running(VIDEO, 'video'), kind: 'VirtualMachineInstance' } },
    );
    // The same as it holds already, so that nothing changes on the box.
    expect(await document(2)).toMatchObject({ generation: 41, machines: [video, pos] });
    const [found] = (await get(ALL_VMS)).items;
    expect(found).toMatchObject({
      metadata: {
        uid: POS,
        name: 'pos',
        namespace: 'shop',
        generation: 5,
        labels: { 'holdfast.dev/device': 'edge-1' },
        finalizers: ['holdfast.dev/machine'],
        annotations: {
          'holdfast.dev/recovered-from': 'edge-1',
          'holdfast.dev/recovered-at': '2026-03-01T08:00:00.000Z',
        },
      },
      spec: { runStrategy: 'Always', template: { spec } },
    });
    expect(await get('/api/v1/namespaces/shop')).toMatchObject({ status: { phase: 'Active' } });
    await waitFor(
      'the status',
      async () => (await get(ALL_VMS)).items[0]?.status?.printableStatus === 'Running',
    );
    expect(await get(`${VMIS}/video`)).toMatchObject({
      metadata: { uid: VIDEO },
      status: { phase: 'Running' },
    });
    expect((await get(`${VMIS.replace('default', 'shop')}/pos`)).status?.phase).toBe('Running');
    expect(await condition('UnknownMachines')).toBeUndefined();
  });

  test('with a machine that it was told to remove is told so again, until that is gone', async () => {
    await box.hello(KNOWS);
    const { uid, namespace, name, kind } = entryOf(GONE, 'gone');
    const entry = { uid, namespace, name, kind, removed: true } as const;
    await box.tell(40, { entry, status: statusOf(GONE, 'gone', 'Removing') });
    expect((await document(1)).machines).toEqual([entry]);
    expect((await get(ALL_VMS)).items).toEqual([]);
    await box.report({ kind: 'machine', status: statusOf(GONE, 'gone', 'Removed') });
    await document(0);
  });

  test('can be changed and deleted like any other', async () => {
    await box.hello(KNOWS);
    await box.tell(40, { entry: entryOf(POS, 'pos', { generation: 5 }), status: running(POS, 'pos') });
    await document(1);
    await hub.call('PATCH', `${VMS}/pos`, { spec: { runStrategy: 'Halted' } });
    await waitFor('the change', () => desiredOf(hub.sent, 'edge-1')?.machines[0]?.runStrategy === 'Halted');
    expect(desiredOf(hub.sent, 'edge-1')?.machines[0]).toMatchObject({ uid: POS, generation: 6 });
    await hub.call('DELETE', `${VMS}/pos`);
    await waitFor('the removal', () => desiredOf(hub.sent, 'edge-1')?.machines[0]?.removed === true);
    await box.report({ kind: 'machine', status: statusOf(POS, 'pos', 'Removed') });
    await waitFor('its end', async () => (await hub.call('GET', `${VMS}/pos`)).code === 404);
  });
});

describe('a manifest that was applied again before the box came back', () => {
  const apply = (name: string, runStrategy: string, device = 'edge-1') => {
    const manifest = machine(name, { labels: { app: 'till' } }) as { spec: object };
    const template = {
      spec: { domain: DOMAIN, nodeSelector: { 'kubernetes.io/hostname': device } },
    };
    return hub.call('POST', VMS, { ...manifest, spec: { runStrategy, template } });
  };
  const spec = { domain: DOMAIN, nodeSelector: { 'kubernetes.io/hostname': 'edge-1' } };

  test.each([
    ['as it was', 'Always', 5],
    ['with a change', 'Halted', 6],
  ])(
    '%s is that of the machine on the box, which is not started twice',
    async (_, runStrategy, generation) => {
      const { uid } = (await apply('pos', runStrategy)).body.metadata;
      const watched = await hub.store.transaction(({ objects }) => objects.resourceVersion());
      await box.hello(KNOWS);
      await box.tell(40, {
        entry: entryOf(POS, 'pos', { generation: 5, spec }),
        status: running(POS, 'pos'),
      });
      expect((await document(1)).machines).toMatchObject([{ uid: POS, runStrategy, generation }]);
      expect((await vm('pos')).metadata).toMatchObject({ uid: POS, labels: { app: 'till' }, generation });
      const changes = await hub.store.transaction(({ objects }) =>
        objects.changesSince('kubevirt.io/VirtualMachine', watched, 1_000),
      );
      const told = changes
        ?.map(({ type, object }) => `${type} ${object.metadata.uid}`)
        .filter((line) => !line.startsWith('MOD'));
      expect(told).toEqual([`DELETED ${uid}`, `ADDED ${POS}`]);
      const documents = hub.sent.filter(({ channel }) => channel === 'desired');
      expect(documents).toHaveLength(1);
    },
  );

  test('and runs elsewhere keeps its name: the one on the box goes on, and both are named', async () => {
    const other = createBox(hub, 'edge-2');
    await other.hello();
    const { uid = '' } = (await apply('pos', 'Always', 'edge-2')).body.metadata;
    await waitFor(
      'its place',
      async () => (await vm('pos')).metadata.labels?.['holdfast.dev/device'] === 'edge-2',
    );
    await other.report({ kind: 'machine', status: statusOf(uid, 'pos', 'Running') });

    await box.hello(KNOWS);
    await box.tell(40, { entry: entryOf(POS, 'pos', { generation: 5 }), status: running(POS, 'pos') });
    expect(await document(0)).toMatchObject({ generation: 41 });
    const unknown = await waitFor('the condition', () => condition('UnknownMachines'));
    expect(unknown.message).toBe(
      `machine default/pos (${POS}): its name is that of VirtualMachine default/pos (${uid}) on device edge-2: ` +
        'delete that one to have it taken in',
    );
    const events = (await get('/api/v1/namespaces/default/events')).items;
    expect(events).toMatchObject([{ reason: 'UnknownMachine', metadata: { name: `edge-1.${POS}` } }]);
    // What is said of it is not taken for news, and not forgotten.
    await box.report({ kind: 'machine', status: statusOf(POS, 'pos', 'Stopped') });
    expect(box.answers().filter(({ kind }) => kind === 'later')).toEqual([]);

    await hub.call('DELETE', `${VMS}/pos`);
    await waitFor('the removal', () => desiredOf(hub.sent, 'edge-2')?.machines[0]?.removed === true);
    await other.report({ kind: 'machine', status: statusOf(uid, 'pos', 'Removed') });
    await waitFor('its end', async () => (await hub.call('GET', `${VMS}/pos`)).code === 404);
    hub.clock.advance(6 * 60_000);
    expect((await document(1)).machines).toMatchObject([{ uid: POS }]);
    await waitFor('the status', async () => (await vm('pos')).status?.printableStatus === 'Stopped');
    expect(await condition('UnknownMachines')).toBeUndefined();
  });
});

describe('what can not be made sense of', () => {
  test('is left alone and told, and goes with the word of its end', async () => {
    await box.hello(KNOWS);
    const odd = { ...entryOf(POS, 'pos'), spec: { domain: DOMAIN, antigravity: true } };
    await box.tell(40, { entry: odd as never, status: running(POS, 'pos') });
    expect(await document(0)).toMatchObject({ generation: 41 });
    const unknown = await waitFor('the condition', () => condition('UnknownMachines'));
    expect(unknown.message).toContain(
      `machine default/pos (${POS}): what the device holds of it can't be read here (spec.antigravity`,
    );
    await box.report({ kind: 'machine', status: statusOf(POS, 'pos', 'Removed') });
    await box.hello({ ...KNOWS, generation: 41 });
    await waitFor('the condition to go', async () => (await condition('UnknownMachines')) === undefined);
  });

  test('a word that all was told, of an earlier telling, undoes nothing of the one that follows', async () => {
    await box.hello(KNOWS);
    await box.report({ kind: 'told', generation: 40, machines: [POS] });
    const unknown = await waitFor('the condition', () => condition('UnknownMachines'));
    expect(unknown.message).toContain(`machine ${POS}: `);
    await box.tell(40, { entry: entryOf(POS, 'pos', { generation: 5 }), status: running(POS, 'pos') });
    expect((await document(1)).machines).toMatchObject([{ uid: POS, generation: 5 }]);
    await waitFor('the condition to go', async () => (await condition('UnknownMachines')) === undefined);
  });

  test('a document that this hub never made makes it ask, though its own numbers are above', async () => {
    box = createBox(hub, 'edge-1');
    await box.hello();
    await document(0);
    await hub.call('POST', VMS, machine('one'));
    hub.clock.advance(1_000);
    const { generation } = await document(1);
    await hub.call('POST', VMS, machine('two'));
    hub.clock.advance(1_000);
    await document(2);
    const made = (await hub.store.transaction(({ devices }) => devices.get('edge-1')))?.made ?? [];
    const { hash = '' } = made.find((one) => one.generation === generation) ?? {};
    expect(await box.hello({ generation, hash })).toMatchObject({ tellAll: false });
    expect(await box.hello({ generation, hash: 'of another time' })).toMatchObject({ tellAll: true });
  });

  test('news of a machine that is not known makes the hub ask for all there is', async () => {
    box = createBox(hub, 'edge-1');
    await box.hello();
    await document(0);
    await box.report({ kind: 'machine', status: running(POS, 'pos') });
    await waitFor('the question', () => box.answers().some(({ kind }) => kind === 'later'));
    const { generation = 0 } = desiredOf(hub.sent, 'edge-1') ?? {};
    expect(await box.hello({ generation })).toMatchObject({ kind: 'welcome', tellAll: true });
    await box.tell(generation, {
      entry: entryOf(POS, 'pos', { generation: 5 }),
      status: running(POS, 'pos'),
    });
    expect((await document(1)).machines).toMatchObject([{ uid: POS }]);
  });
});
