import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import { waitFor } from '../../tools/wait-for.ts';
import type { Box } from '../devices/box.ts';
import { createBox } from '../devices/box.ts';
import type { TestHub } from '../start-hub.ts';
import { desiredOf, entryOf, startHub, statusOf } from '../start-hub.ts';

/** A hub that has lost its database, and a box with what its machines name and with data volumes of their own. */

const POS = '11111111-aaaa-4aaa-8aaa-111111111111';
const SHARED = '22222222-aaaa-4aaa-8aaa-222222222222';
const KNOWS = { generation: 40, hash: 'of another time', acknowledged: 90 };

let hub: TestHub;
let box: Box;
beforeEach(async () => {
  hub = await startHub();
  box = createBox(hub, 'edge-1', { connection: 7, next: 91 });
});
afterEach(() => hub.stop());

const document = (names: number) =>
  waitFor(`a document of ${names}`, () => {
    const desired = desiredOf(hub.sent, 'edge-1');
    return desired?.machines.length === names && desired;
  });
const get = async (path: string) => (await hub.call<ResourceObject>('GET', path)).body;

const volumes = [
  { name: 'seed', cloudInitNoCloud: { secretRef: { name: 'till' } } },
  { name: 'more', configMap: { name: 'shop' } },
  { name: 'root', dataVolume: { name: 'shared' } },
];
const references = {
  configMaps: { shop: { data: { city: 'Bern' } } },
  secrets: { till: { data: { userdata: btoa('#cloud-config') } } },
  dataVolumes: { shared: { uid: SHARED, dataVolume: 'shared' } },
};
const spec = { domain: { memory: { guest: '128Mi' }, devices: {} }, volumes };
const pos = entryOf(POS, 'pos', { generation: 5, spec, references });
const content = { source: { blank: {} }, storage: { resources: { requests: { storage: '1Gi' } } } };
const identity = { uid: SHARED, kind: 'DataVolume', namespace: 'default', name: 'shared' } as const;
const volume = { ...identity, generation: 2, dataVolume: { metadata: { name: 'shared' }, spec: content } };
const VOLUME = '/apis/cdi.kubevirt.io/v1beta1/namespaces/default/datavolumes/shared';

test('both come back as objects, and nothing changes on the box', async () => {
  await box.hello(KNOWS);
  await box.tell(
    40,
    { entry: pos, status: { ...statusOf(POS, 'pos', 'Running'), generation: 5 } },
    { entry: volume, status: { ...statusOf(SHARED, 'shared', 'Succeeded'), kind: 'DataVolume' } },
  );
  const { machines } = await document(2);
  expect(machines.toSorted((one, other) => String(one['uid']).localeCompare(String(other['uid'])))).toEqual([
    pos,
    volume,
  ]);
  expect(await get(VOLUME)).toMatchObject({
    metadata: {
      uid: SHARED,
      generation: 2,
      labels: { 'holdfast.dev/device': 'edge-1' },
      annotations: { 'holdfast.dev/recovered-from': 'edge-1' },
    },
    spec: content,
  });
  expect(await get('/api/v1/namespaces/default/secrets/till')).toMatchObject({
    type: 'Opaque',
    ...references.secrets.till,
  });
  expect(await get('/api/v1/namespaces/default/configmaps/shop')).toMatchObject(references.configMaps.shop);
});

test('a data volume whose manifest was applied again first is the one that the box has', async () => {
  const { uid, ...named } = identity;
  const { kind, ...metadata } = named;
  await hub.call('POST', VOLUME.replace('/shared', ''), {
    apiVersion: 'cdi.kubevirt.io/v1beta1',
    kind,
    metadata,
    spec: content,
  });
  await box.hello(KNOWS);
  await box.tell(40, { entry: volume, status: { ...statusOf(uid, 'shared', 'Succeeded'), kind } });
  await document(1);
  expect((await get(VOLUME)).metadata.uid).toBe(SHARED);
});

test('a data volume that the box was told to remove is told so again', async () => {
  await box.hello(KNOWS);
  const removed = { ...identity, removed: true } as const;
  const status = { ...statusOf(SHARED, 'shared', 'Removing'), kind: 'DataVolume' } as const;
  await box.tell(40, { entry: removed, status });
  expect((await document(1)).machines).toEqual([removed]);
  await box.report({ kind: 'machine', status: { ...status, state: 'Removed' } });
  await document(0);
});
