import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiError } from '../../../hub/api/errors.ts';
import { createKindSchemas } from '../../../hub/api/discovery/kind-schemas.ts';
import { ensureNamespaces } from '../../../hub/api/namespaces.ts';
import type { Serve } from '../../../hub/api/serve.ts';
import { createServe } from '../../../hub/api/serve.ts';
import type { Store } from '../../../hub/ports.ts';
import { createStore } from '../../../hub/store/store.ts';
import { admitWrite } from '../../../hub/admit.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createRandom } from '../../../shared/host/random.ts';
import { configMapKind } from '../../../shared/model/config-map.ts';
import type { KindDefinition, ResourceObject } from '../../../shared/model/kind.ts';
import { KINDS } from '../../../shared/model/kinds.ts';
import { virtualMachineKind } from '../../../shared/model/virtual-machine.ts';
import { ADMIN } from '../../../hub/auth/user.ts';
import { anyoneIsAdmin } from '../../tools/admin.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import { bend } from '../../tools/arbitrary-value.ts';
import { VMS, machine } from './start-api.ts';

/** Whatever is written, in whatever way: it is done or refused, and what is stored is always good. */

const MAPS = '/api/v1/namespaces/default/configmaps';
const CONFIG_MAP: ResourceObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'a',
    labels: { a: 'b' },
    finalizers: ['a.io/b'],
    ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: '1' }],
  },
  data: { a: 'b' },
};

let store: Store;
let serve: Serve;
beforeAll(async () => {
  store = await createStore(':memory:');
  const [clock, random] = [createClock(), createRandom()];
  await ensureNamespaces(store, clock, random);
  serve = createServe({
    store,
    kinds: KINDS,
    clock,
    random,
    log: createLogRecorder(),
    version: '0.1.0',
    admit: admitWrite,
    authenticate: anyoneIsAdmin,
    askDevice: () => Promise.reject(new Error('there is no device to be asked')),
    schemas: createKindSchemas(),
  });
});
afterAll(() => store.close());

async function ask(
  method: string,
  path: string,
  body: unknown,
  contentType = 'application/json',
): Promise<number> {
  const [pathname = '', query = ''] = path.split('?');
  try {
    const reply = await serve({
      method,
      pathname,
      query: new URLSearchParams(query),
      accept: '',
      user: ADMIN,
      contentType,
      body: Buffer.from(JSON.stringify(body)),
    });
    return 'code' in reply ? reply.code : 200;
  } catch (error) {
    if (error instanceof ApiError) return error.status.code;
    throw error;
  }
}

/** Values that may be put in the place of any part of a patch. */
const directives = fc.constantFrom<unknown>(
  { $patch: 'delete' },
  { $patch: 'replace', a: '1' },
  { $retainKeys: ['a'] },
  { '$setElementOrder/finalizers': ['a.io/b', 'x'] },
  { '$deleteFromPrimitiveList/finalizers': 'x' },
  [{ $patch: 'replace' }],
);
const operation = fc.record(
  {
    op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'spin'),
    path: fc.constantFrom(
      '',
      '/',
      '/spec',
      '/metadata/labels/a',
      '/data/a',
      '/metadata/finalizers/-',
      'x',
      '/__proto__/a',
    ),
    from: fc.constantFrom('/spec', '/metadata', '/data/a', '/none'),
    value: fc.oneof(fc.jsonValue(), directives),
  },
  { requiredKeys: ['op'] },
);

const KINDS_WRITTEN: readonly (readonly [string, KindDefinition, ResourceObject, string])[] = [
  ['ConfigMap', configMapKind, CONFIG_MAP, MAPS],
  ['VirtualMachine', virtualMachineKind, machine('a'), VMS],
];

test.each(KINDS_WRITTEN)('of a %s', async (_name, kind, good, collection) => {
  await ask('POST', collection, good);
  const path = `${collection}/a`;
  const whole = bend(kind.schema, good);
  const part = fc
    .tuple(whole, fc.subarray(['apiVersion', 'kind', 'metadata', 'spec', 'data']), fc.option(directives))
    .map(([value, names, directive]) => {
      const members = Object.entries(value as object).filter(([name]) => names.includes(name));
      return {
        ...Object.fromEntries(members),
        ...(directive !== null && { data: directive, spec: directive }),
      };
    });
  const mode = fc.constantFrom('', '&fieldValidation=Strict', '&fieldValidation=Ignore');
  const write = fc.oneof(
    fc.tuple(fc.constant('POST'), whole, fc.constant('application/json')),
    fc.tuple(fc.constant('PUT'), whole, fc.constant('application/json')),
    fc.tuple(
      fc.constant('PATCH'),
      fc.oneof(part, fc.jsonValue()),
      fc.constant('application/merge-patch+json'),
    ),
    fc.tuple(fc.constant('PATCH'), part, fc.constant('application/strategic-merge-patch+json')),
    fc.tuple(
      fc.constant('PATCH'),
      fc.array(operation, { maxLength: 3 }),
      fc.constant('application/json-patch+json'),
    ),
    fc.tuple(fc.constant('PATCH'), fc.oneof(whole, part), fc.constant('application/apply-patch+yaml')),
  );
  await fc.assert(
    fc.asyncProperty(write, fc.constantFrom('x', 'y'), mode, async ([method, body, type], manager, how) => {
      const force = type.includes('apply') ? '&force=true' : '';
      const at = method === 'POST' ? collection : path;
      const code = await ask(method, `${at}?fieldManager=${manager}${how}${force}`, body, type);
      expect(code).toBeLessThan(500);
      await store.transaction(async ({ objects }) => {
        for (const object of await objects.list(`${kind.group}/${kind.kind}`)) {
          expect(kind.schema.safeParse(object).success).toBe(true);
        }
      });
    }),
    { numRuns: 250 },
  );
});
