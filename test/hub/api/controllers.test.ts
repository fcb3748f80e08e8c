import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openWatch } from './open-watch.ts';
import type { ApiBody, TestApi } from './start-api.ts';
import { startApi } from './start-api.ts';

/** What controllers that run beside the hub keep in it, as client-go's leader election and recorders ask for it. */

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

interface Lease extends Omit<ApiBody, 'spec'> {
  readonly spec: { readonly holderIdentity?: string; readonly renewTime?: string };
}

describe('leases', () => {
  const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  const spec = {
    holderIdentity: 'a',
    leaseDurationSeconds: 15,
    acquireTime: '2027-01-15T08:00:00.000001Z',
    renewTime: '2027-01-15T08:00:00.000001Z',
    leaseTransitions: 0,
  };

  test('are taken by one of two candidates, and go to the other once they are let go of', async () => {
    const sent = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'leader' }, spec };
    const { code, body: taken } = await api.call<Lease>('POST', LEASES, sent);
    expect(code).toBe(201);
    expect((await api.call('POST', LEASES, { ...sent, spec: { ...spec, holderIdentity: 'b' } })).code).toBe(
      409,
    );

    const renewTime = '2027-01-15T08:00:02.123456Z';
    const renewed = await api.call<Lease>('PUT', `${LEASES}/leader`, {
      ...taken,
      spec: { ...spec, renewTime },
    });
    expect(renewed.body.spec.renewTime).toBe(renewTime);
    const late = { ...taken, spec: { ...spec, holderIdentity: 'b' } };
    expect((await api.call('PUT', `${LEASES}/leader`, late)).code).toBe(409);

    const free = { ...renewed.body, spec: { ...spec, holderIdentity: '', leaseDurationSeconds: 1 } };
    const { body: freed } = await api.call<Lease>('PUT', `${LEASES}/leader`, free);
    const next = { ...freed, spec: { ...spec, holderIdentity: 'b', leaseTransitions: 1 } };
    expect((await api.call<Lease>('PUT', `${LEASES}/leader`, next)).body.spec.holderIdentity).toBe('b');
  });

  test('are watched', async () => {
    const selector = 'fieldSelector=metadata.name=watched';
    const watch = await openWatch(`http://${api.address}${LEASES}?watch=true&${selector}`, {});
    const { body } = await api.call<Lease>('POST', LEASES, { metadata: { name: 'watched' }, spec });
    const renewed = { ...spec, renewTime: '2027-01-15T08:00:02.000000Z' };
    await api.call('PUT', `${LEASES}/watched`, { ...body, spec: renewed });
    const [added, modified] = await watch.events(2);
    expect([added?.type, modified?.type]).toEqual(['ADDED', 'MODIFIED']);
    expect(modified?.object.spec).toEqual(renewed);
  });

  test('go with their namespace', async () => {
    await api.call('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } });
    const leases = LEASES.replace('default', 'shop');
    expect((await api.call('POST', leases, { metadata: { name: 'leader' }, spec })).code).toBe(201);
    expect((await api.call('DELETE', '/api/v1/namespaces/shop')).code).toBe(200);
    expect((await api.call('GET', `${leases}/leader`)).code).toBe(404);
  });

  test('of devices are not for clients to write', async () => {
    const nodes = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    const { code, body } = await api.call('POST', nodes, { metadata: { name: 'edge-1' }, spec });
    expect(code).toBe(405);
    expect(body.message).toMatch(/leases in kube-node-lease tell when devices were last heard/);
  });
});

describe('events of events.k8s.io', () => {
  const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events';
  const event = (name: string) => ({
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name },
    eventTime: '2027-01-15T08:00:00.000000Z',
    reportingController: 'example.dev/controller',
    reportingInstance: 'controller-1',
    action: 'Syncing',
    reason: 'Synced',
    type: 'Normal',
    note: 'it is as it should be',
    regarding: { kind: 'ConfigMap', name: 'a' },
  });
  const CORE = '/api/v1/namespaces/default/events';

  test('are written as they are read, and are events of the core group too', async () => {
    expect((await api.call('POST', EVENTS, event('made'))).body).toMatchObject(event('made'));
    const series = { count: 2, lastObservedTime: '2027-01-15T08:05:00.000000Z' };
    const patch = { 'content-type': 'application/strategic-merge-patch+json' };
    const patched = await api.call('PATCH', `${EVENTS}/made`, { series, note: 'still' }, patch);
    expect(patched.body).toMatchObject({ ...event('made'), series, note: 'still' });
    expect((await api.call('GET', `${CORE}/made`)).body).toMatchObject({
      apiVersion: 'v1',
      involvedObject: { kind: 'ConfigMap', name: 'a' },
      message: 'still',
      reportingComponent: 'example.dev/controller',
      series,
    });
    const replaced = await api.call('PUT', `${EVENTS}/made`, { ...patched.body, note: 'again' });
    expect(replaced.body).toMatchObject({ note: 'again', series });
    expect((await api.call('DELETE', `${EVENTS}?fieldSelector=reason=Synced`)).body.items).toHaveLength(1);
    expect((await api.call('GET', `${CORE}/made`)).code).toBe(404);
  });

  test('are applied', async () => {
    const apply = { 'content-type': 'application/apply-patch+yaml' };
    const path = `${EVENTS}/applied?fieldManager=controller`;
    expect((await api.call('PATCH', path, event('applied'), apply)).body).toMatchObject(event('applied'));
    const changed = { ...event('applied'), note: 'otherwise' };
    expect((await api.call('PATCH', path, changed, apply)).body).toMatchObject(changed);
  });

  test('have the fields of their own form only', async () => {
    const { regarding, ...rest } = event('mixed');
    const sent = { ...rest, involvedObject: regarding };
    const { code, body } = await api.call('POST', `${EVENTS}?fieldValidation=Strict`, sent);
    expect([code, body.message]).toEqual([400, expect.stringContaining('unknown field "involvedObject"')]);
  });
});
