import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFlowControl } from '../../../hub/api/http/flow-control.ts';
import { createTokens } from '../../../hub/auth/tokens.ts';
import { createClock } from '../../../shared/host/clock.ts';
import type { TestApi } from './start-api.ts';
import { VMS, machine, startApi } from './start-api.ts';

const tokens = createTokens(Buffer.alloc(32, 7));
const SELF = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const REVIEW = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
let isBroken = false;

let api: TestApi;
beforeAll(async () => {
  api = await startApi({
    authenticate: tokens.authenticate,
    checks: [
      {
        name: 'broker',
        of: 'readyz',
        check() {
          if (isBroken) throw new Error('a secret address');
        },
      },
    ],
  });
});
afterAll(() => api.close());

const as = (token: string) => ({ authorization: `Bearer ${token}` });

describe('who asks', () => {
  test('is told by a token that the hub has sealed', async () => {
    const bob = tokens.issue({ name: 'bob', groups: ['shop-ops'] });
    const { code, body } = await api.call('POST', SELF, REVIEW, as(bob));
    expect([code, body.status]).toEqual([
      201,
      { userInfo: { username: 'bob', groups: ['shop-ops', 'system:authenticated'] } },
    ]);
    const none = await api.call('POST', SELF, REVIEW);
    expect(none.body.status).toMatchObject({ userInfo: { username: 'admin' } });
  });

  test('is nobody with a token that it has not', async () => {
    const bob = tokens.issue({ name: 'bob', groups: [] });
    const others = createTokens(Buffer.alloc(32, 8)).issue({ name: 'bob', groups: [] });
    const forged = bob.replace(
      /\.[^.]+\./,
      `.${Buffer.from('{"name":"admin","groups":[]}').toString('base64url')}.`,
    );
    for (const token of [others, forged, `${bob}x`, bob.slice(0, -2), 'x', 'holdfast..']) {
      const { code, body } = await api.call('GET', '/api', undefined, as(token));
      expect([token, code, body.message]).toEqual([token, 401, 'Unauthorized']);
    }
    expect((await api.call('GET', '/readyz', undefined, as('x'))).code).toBe(200);
  });
});

test('health is told check by check, and why one fails is not', async () => {
  isBroken = true;
  const failing = await api.call<string>('GET', '/readyz?verbose');
  expect([failing.code, failing.body]).toEqual([
    500,
    '[+]ping ok\n[+]store ok\n[-]broker failed: reason withheld\n[+]shutdown ok\nreadyz check failed\n',
  ]);
  expect((await api.call('GET', '/readyz?exclude=broker')).body).toBe('ok');
  expect((await api.call('GET', '/livez')).body).toBe('ok');
  expect((await api.call('GET', '/readyz/store')).code).toBe(200);
  expect((await api.call('GET', '/readyz/nothing')).code).toBe(404);
  isBroken = false;
  expect((await api.call('GET', '/readyz')).code).toBe(200);
});

test('a runaway client does not keep others waiting, and is told to come back later', async () => {
  const flows = createFlowControl(createClock());
  const left: (() => void)[] = [];
  const began: string[] = [];
  const enter = async (flow: string, name: string) => {
    left.push(await flows.enter(flow));
    began.push(name);
  };
  const runaway = Array.from({ length: 212 }, (_, index) => enter('runaway', `r${index}`));
  await expect(flows.enter('runaway')).rejects.toMatchObject({
    status: { code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 1 } },
  });
  await enter('operator', 'o');
  expect(began).toEqual([...Array.from({ length: 12 }, (_, index) => `r${index}`), 'o']);
  // Two that both have more than their share take turns.
  const others = Array.from({ length: 20 }, (_, index) => enter('other', `x${index}`));
  await Promise.all(others.slice(0, 11));
  for (let turns = 0; turns < 4; turns += 1) {
    left.shift()?.();
    await new Promise(setImmediate);
  }
  expect(began.slice(24).map((name) => name[0])).toEqual(expect.arrayContaining(['r', 'x']));
  while (left.length > 0) {
    left.shift()?.();
    await new Promise(setImmediate);
  }
  await Promise.all([...runaway, ...others]);
  expect(flows.figures()).toEqual({ executing: 0, waiting: 0 });
});

test('a list that is read in pages is one state of affairs, whatever changes meanwhile', async () => {
  for (const name of ['a', 'b', 'c', 'd', 'e']) await api.call('POST', VMS, machine(name));
  const first = await api.call('GET', `${VMS}?limit=2`);
  expect(first.body.metadata.remainingItemCount).toBe(3);
  await api.call('DELETE', `${VMS}/c`);
  await api.call('POST', VMS, machine('cc'));
  await api.call('DELETE', `${VMS}/a`);
  const next = (token = '') => api.call('GET', `${VMS}?limit=2&continue=${token}`);
  const second = await next(first.body.metadata.continue);
  const third = await next(second.body.metadata.continue);
  const names = [first, second, third].flatMap(({ body }) => body.items.map(({ metadata }) => metadata.name));
  expect([names, second.body.metadata.remainingItemCount]).toEqual([['a', 'b', 'c', 'd', 'e'], 1]);
  expect(third.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);

  await api.store.transaction(({ objects }) => objects.pruneChanges(0, 1_000));
  const late = await next(first.body.metadata.continue);
  expect([late.code, late.body.reason]).toEqual([410, 'Expired']);
  const rest = await next(late.body.metadata.continue);
  expect(rest.body.items.map(({ metadata }) => metadata.name)).toEqual(['cc', 'd']);
});

test('discovery and OpenAPI are not sent again to who has them', async () => {
  const accept = { accept: 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList' };
  const { headers, body } = await api.call('GET', '/apis', undefined, accept);
  expect(headers.get('content-type')).toBe(accept.accept);
  expect(body).toMatchObject({ apiVersion: 'apidiscovery.k8s.io/v2beta1' });
  const tag = { 'if-none-match': headers.get('etag') ?? '' };
  expect((await api.call('GET', '/apis', undefined, { ...accept, ...tag })).code).toBe(304);
  const index = await api.call<{ paths: Record<string, { serverRelativeURL: string }> }>(
    'GET',
    '/openapi/v3',
  );
  const url = index.body.paths['api/v1']?.serverRelativeURL ?? '';
  const document = await api.call('GET', url);
  expect(document.headers.get('cache-control')).toBe('public, immutable');
  const moved = await fetch(`http://${api.address}/openapi/v3/api/v1?hash=OLD`, { redirect: 'manual' });
  expect([moved.status, moved.headers.get('location')]).toEqual([301, url]);
});

test('a request that is under way when the hub stops is answered', async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  let enter = () => {};
  const entered = new Promise<void>((resolve) => (enter = resolve));
  const stopping = await startApi({
    store: {
      ...api.store,
      async read(work) {
        enter();
        await held;
        return api.store.read(work);
      },
    },
  });
  const asked = stopping.call('GET', VMS);
  await entered;
  const closed = stopping.close();
  release();
  expect((await asked).code).toBe(200);
  await closed;
});
