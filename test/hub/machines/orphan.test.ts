import { afterAll, beforeAll, expect, test } from 'vitest';
import { VMS, machine } from '../api/start-api.ts';
import type { TestHub } from '../start-hub.ts';
import { startHub } from '../start-hub.ts';

let hub: TestHub;
beforeAll(async () => {
  hub = await startHub();
  await hub.call('POST', VMS, machine('kept'));
});
afterAll(() => hub.stop());

test.each([
  ['as kubectl --cascade=orphan asks', '/kept', { propagationPolicy: 'Orphan' }],
  ['in the old way', '/kept', { orphanDependents: true }],
  ['in the query', '/kept?propagationPolicy=Orphan', undefined],
  ['in the old way, in the query', '/kept?orphanDependents=true', undefined],
  ['of all', '', { propagationPolicy: 'Orphan' }],
])('keeping the disks of a deleted machine is refused when asked for %s', async (_, path, options) => {
  const { code, body } = await hub.call('DELETE', `${VMS}${path}`, options);
  expect([code, body.message]).toEqual([
    422,
    expect.stringMatching(/disks .*runStrategy to Halted/) as string,
  ]);
  expect((await hub.call('GET', `${VMS}/kept`)).body.metadata.deletionTimestamp).toBeUndefined();
});

test('a policy that does not exist is refused in the query too', async () => {
  expect((await hub.call('DELETE', `${VMS}/kept?propagationPolicy=Abandon`)).code).toBe(422);
});

test('what has no disks can be deleted so', async () => {
  const namespaces = '/api/v1/namespaces';
  await hub.call('POST', namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'empty' } });
  const { code } = await hub.call('DELETE', `${namespaces}/empty`, { propagationPolicy: 'Orphan' });
  expect(code).toBe(200);
});

test('the other policies delete', async () => {
  const { code } = await hub.call('DELETE', `${VMS}/kept?propagationPolicy=Foreground`);
  expect(code).toBe(200);
});
