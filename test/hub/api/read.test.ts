import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApi } from './start-api.ts';
import { ALL_VMS, AS_TABLE, MERGE, VMS, machine, startApi } from './start-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
  await api.call('POST', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop' },
  });
  await api.call('POST', VMS, machine('a', { labels: { tier: 'pos', size: '3' } }));
  await api.call('POST', VMS, machine('b', { labels: { tier: 'video' } }));
  await api.call('POST', VMS, machine('c'));
  await api.call('POST', VMS.replace('default', 'shop'), machine('a', { labels: { tier: 'pos' } }));
});
afterAll(() => api.close());

const get = (path: string, headers?: Record<string, string>) => api.call('GET', path, undefined, headers);
const select = (selector: string) => get(`${VMS}?labelSelector=${encodeURIComponent(selector)}`);

test('one object comes with its status code, one that is not there as Kubernetes says it', async () => {
  expect((await get(`${VMS}/a`)).body).toMatchObject({ kind: 'VirtualMachine', metadata: { name: 'a' } });
  const { code, body } = await get(`${VMS}/z`);
  expect(code).toBe(404);
  expect(body).toEqual({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'virtualmachines.kubevirt.io "z" not found',
    reason: 'NotFound',
    details: { name: 'z', group: 'kubevirt.io', kind: 'virtualmachines' },
    code: 404,
  });
  expect((await get(`${VMS}/a?resourceVersion=99999`)).code).toBe(504);
});

test('every version of a kind shows the same object', async () => {
  const { body } = await get(`${VMS.replace('/v1/', '/v1alpha3/')}/a`);
  const { body: first } = await get(`${VMS}/a`);
  expect(body).toEqual({ ...(first as object), apiVersion: 'kubevirt.io/v1alpha3' });
  const list = await get(ALL_VMS.replace('/v1/', '/v1alpha3/'));
  expect(new Set([list.body.apiVersion, ...list.body.items.map(({ apiVersion }) => apiVersion)])).toEqual(
    new Set(['kubevirt.io/v1alpha3']),
  );
});

test.each([
  ['tier', 'a b'],
  ['!tier', 'c'],
  ['tier=pos', 'a'],
  ['tier==pos', 'a'],
  ['tier!=pos', 'b c'],
  ['tier in (pos, video)', 'a b'],
  ['tier notin (pos)', 'b c'],
  ['tier in (pos,video),size', 'a'],
  ['size>2', 'a'],
  ['size<3', ''],
  ['tier=', ''],
  ['', 'a b c'],
])('the label selector "%s" selects "%s"', async (selector, names) => {
  const { body } = await select(selector);
  expect(body.items.map(({ metadata }) => metadata.name).join(' ')).toBe(names);
});

test.each(['a=b=c', 'in (x)', '-a', 'a in x', 'size>x', 'a,,b', 'a in (*)'])(
  'the label selector "%s" is refused',
  async (selector) => {
    const { code, body } = await select(selector);
    expect([code, body.reason]).toEqual([400, 'BadRequest']);
  },
);

test('fields select what they name, and others are refused', async () => {
  const bySelector = (selector: string) => get(`${ALL_VMS}?fieldSelector=${encodeURIComponent(selector)}`);
  expect((await bySelector('metadata.name=a')).body.items.length).toBe(2);
  expect((await bySelector('metadata.name=a,metadata.namespace=shop')).body.items.length).toBe(1);
  expect((await bySelector('metadata.name!=a')).body.items.length).toBe(2);
  expect((await bySelector('spec.runStrategy==Halted')).body.items.length).toBe(4);
  expect((await bySelector('status.printableStatus=')).body.items.length).toBe(4);
  for (const selector of ['spec.nothing=x', 'metadata=x', 'metadata.name', '__proto__.x=y']) {
    expect((await bySelector(selector)).code).toBe(400);
  }
});

describe('a list in pages', () => {
  test('shows one state of affairs, whatever changes meanwhile', async () => {
    const first = await get(`${ALL_VMS}?limit=2`);
    expect(first.body.items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    expect(first.body.metadata.remainingItemCount).toBe(2);
    await api.call('DELETE', `${VMS}/c`);
    await api.call('POST', VMS, machine('bb'));
    await api.call(
      'PATCH',
      `${VMS.replace('default', 'shop')}/a`,
      { metadata: { labels: { new: 'x' } } },
      MERGE,
    );
    const token = encodeURIComponent(first.body.metadata.continue ?? '');
    const second = await get(`${ALL_VMS}?limit=2&continue=${token}`);
    expect(second.body.items.map(({ metadata }) => metadata.name)).toEqual(['c', 'a']);
    expect(second.body.items[1]?.metadata.labels).toEqual({ tier: 'pos' });
    expect(second.body.metadata.continue).toBeUndefined();
    expect(second.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    const at = `resourceVersion=${first.body.metadata.resourceVersion}`;
    const exact = await get(`${ALL_VMS}?${at}&resourceVersionMatch=Exact`);
    expect(exact.body.items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c', 'a']);
    const newer = await get(`${ALL_VMS}?${at}`);
    expect(newer.body.items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'bb', 'a']);

    await api.store.transaction(({ objects }) => objects.pruneChanges(0, 1_000));
    const late = await get(`${ALL_VMS}?limit=2&continue=${token}`);
    expect([late.code, late.body.reason]).toEqual([410, 'Expired']);
  });

  test.each(['continue=x', 'limit=-1', 'limit=x', 'resourceVersion=x'])(
    'is refused with %s',
    async (query) => {
      expect((await get(`${ALL_VMS}?${query}`)).code).toBe(400);
    },
  );

  test.each([
    [
      'resourceVersionMatch=Exact',
      'Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    ],
    [
      'resourceVersion=1&resourceVersionMatch=Almost',
      'Unsupported value: "Almost": supported values: "Exact", "NotOlderThan", ""',
    ],
    [
      'resourceVersion=0&resourceVersionMatch=Exact',
      'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ],
  ])('is refused with options that do not go together: %s', async (query, why) => {
    const { code, body } = await get(`${ALL_VMS}?${query}`);
    expect([code, body.message]).toEqual([
      422,
      `ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: ${why}`,
    ]);
  });

  test('of a version that is yet to come is refused as client-go knows it', async () => {
    const { code, body } = await get(`${ALL_VMS}?resourceVersion=99999`);
    expect([code, body.details.causes[0]?.reason]).toEqual([504, 'ResourceVersionTooLarge']);
  });
});

describe('a table', () => {
  test('has the name, then the columns of the kind', async () => {
    const { body } = await get(VMS, AS_TABLE);
    expect(body).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1' });
    expect(body.columnDefinitions.map(({ name }) => name)).toEqual([
      'Name',
      'Age',
      'Status',
      'Ready',
      'Device',
      'Message',
    ]);
    expect(body.columnDefinitions.at(-1)?.priority).toBe(1);
    const [row] = body.rows;
    expect(row?.cells[0]).toBe('a');
    expect(row?.cells[1]).toMatch(/^\d+s$/);
    expect(row?.cells[2]).toBeNull();
    expect(row?.object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'a' } });
    expect(row?.object.spec).toBeUndefined();
  });

  test('carries as much of the object as is asked for', async () => {
    const whole = await get(`${VMS}?includeObject=Object`, AS_TABLE);
    expect(whole.body.rows[0]?.object.kind).toBe('VirtualMachine');
    const none = await get(`${VMS}/a?includeObject=None`, AS_TABLE);
    expect(none.body.rows).toHaveLength(1);
    expect(none.body.rows[0]?.object).toBeUndefined();
    expect((await get(`${VMS}?includeObject=Some`, AS_TABLE)).code).toBe(400);
  });
});

test('metadata alone is shown where it is asked for', async () => {
  const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
  const { body } = await get(VMS, { accept });
  expect(body.kind).toBe('PartialObjectMetadataList');
  expect(body.items[0]?.spec).toBeUndefined();
});

test.each([
  ['application/vnd.kubernetes.protobuf', 406],
  ['application/vnd.kubernetes.protobuf,application/json', 200],
  ['text/html,*/*;q=0.8', 200],
  ['application/json;q=0', 406],
  ['application/json;as=Something;v=v1;g=x', 406],
  [';;=,', 406],
])('Accept: %s is answered with %d', async (accept, code) => {
  expect((await get(VMS, { accept })).code).toBe(code);
});
