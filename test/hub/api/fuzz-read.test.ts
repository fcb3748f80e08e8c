import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApi } from './start-api.ts';
import { startApi } from './start-api.ts';

/** Whatever is asked for, in whatever words: it is answered or refused, and a selector selects what it says. */

const MAPS = '/api/v1/namespaces/default/configmaps';
const VALUES = ['', '1', '2'];
const OBJECTS = VALUES.flatMap((a) => VALUES.map((b) => ({ a, b })));

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
  for (const [index, { a, b }] of OBJECTS.entries()) {
    const labels = { ...(a !== '' && { a }), ...(b !== '' && { b }) };
    const { code } = await api.call('POST', MAPS, { metadata: { name: `o${index}`, labels } });
    expect(code).toBe(201);
  }
});
afterAll(() => api.close());

type Labels = (typeof OBJECTS)[number];
interface Requirement {
  readonly text: string;
  readonly holds: (labels: Labels) => boolean;
}

const key = fc.constantFrom<keyof Labels>('a', 'b');
const value = fc.constantFrom<string>('1', '2', '3');
const values = fc.uniqueArray(value, { minLength: 1, maxLength: 3 });
/** As the concepts page on labels has them: what is not there is not equal to anything, nor in any set. */
const requirement: fc.Arbitrary<Requirement> = fc.oneof(
  fc.tuple(key, fc.constantFrom('=', '=='), value).map(([name, sign, one]) => ({
    text: `${name}${sign}${one}`,
    holds: (labels: Labels) => labels[name] === one,
  })),
  fc
    .tuple(key, value)
    .map(([name, one]) => ({ text: `${name}!=${one}`, holds: (labels: Labels) => labels[name] !== one })),
  fc.tuple(key, values).map(([name, set]) => ({
    text: `${name} in (${set.join(', ')})`,
    holds: (labels: Labels) => set.includes(labels[name]),
  })),
  fc.tuple(key, values).map(([name, set]) => ({
    text: `${name} notin (${set.join(',')})`,
    holds: (labels: Labels) => !set.includes(labels[name]),
  })),
  key.map((name) => ({ text: name, holds: (labels: Labels) => labels[name] !== '' })),
  key.map((name) => ({ text: `!${name}`, holds: (labels: Labels) => labels[name] === '' })),
);

test('a selector selects as its words say, in pages of any size', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(requirement, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 0, max: 4 }),
      async (requirements, limit) => {
        const selector = requirements.map(({ text }) => text).join(',');
        const found: string[] = [];
        let token = '';
        do {
          const query = new URLSearchParams({
            labelSelector: selector,
            limit: String(limit),
            continue: token,
          });
          const { code, body } = await api.call('GET', `${MAPS}?${String(query)}`);
          expect([selector, code]).toEqual([selector, 200]);
          if (limit > 0) expect(body.items.length).toBeLessThanOrEqual(limit);
          found.push(...body.items.map(({ metadata }) => metadata.name));
          token = body.metadata.continue ?? '';
        } while (token !== '');
        const expected = OBJECTS.flatMap((labels, index) =>
          requirements.every(({ holds }) => holds(labels)) ? [`o${index}`] : [],
        );
        expect(found).toEqual(expected);
      },
    ),
    { numRuns: 100 },
  );
});

/** Words that parameters know, and what is made of them by people and machines in a hurry. */
const words = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom(
    'a=1',
    'a in (',
    'a in ()',
    '!',
    ',',
    'a!==1',
    'metadata.name=',
    'metadata.name!=o1',
    '-1',
    '1e9',
  ),
  fc.constantFrom('0', '1', '99999999999999999999', 'true', 'false', 'Exact', 'NotOlderThan', 'e30', 'Table'),
);
const parameters = fc.dictionary(
  fc.constantFrom(
    'labelSelector',
    'fieldSelector',
    'limit',
    'continue',
    'resourceVersion',
    'resourceVersionMatch',
    'includeObject',
    'sendInitialEvents',
    'allowWatchBookmarks',
  ),
  words,
);
const paths = fc.oneof(
  fc.constantFrom(MAPS, `${MAPS}/o1`, '/api/v1/configmaps', '/apis/kubevirt.io/v1/virtualmachineinstances'),
  fc.constantFrom('/api', '/apis', '/openapi/v3', '/api/v1/nodes', '/apis/x/y', '//', '/api/v1/%2e%2e/%00'),
);
const accepted = fc.constantFrom(
  'application/json',
  'application/json;as=Table;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
  'application/yaml',
  'text/html;q=x,*/*;q=0.1',
);

test('parameters of all sorts are answered or refused', async () => {
  await fc.assert(
    fc.asyncProperty(paths, parameters, accepted, fc.boolean(), async (path, given, accept, isWatch) => {
      const query = new URLSearchParams({ ...given, ...(isWatch && { watch: 'true', timeoutSeconds: '1' }) });
      // A watch that is taken up lasts a second: what it is answered with comes at once.
      const response = await fetch(`http://${api.address}${path}?${String(query)}`, { headers: { accept } });
      expect(response.status).toBeLessThan(500);
      await response.body?.cancel();
    }),
    { numRuns: 300 },
  );
  expect(api.errors).toEqual([]);
});
