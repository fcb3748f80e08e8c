import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileWarnings } from '../../../hub/api/warning.ts';
import type { TestApi } from './start-api.ts';
import { machine, MERGE, startApi, VMS } from './start-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

interface Templated {
  readonly spec: { readonly template: { readonly spec: Record<string, unknown> } };
}

function idleMachine(name: string, idle: object = { priorityClassName: 'high', schedulerName: 'mine' }) {
  const object = machine(name) as ReturnType<typeof machine> & Templated;
  Object.assign(object.spec.template.spec, idle);
  return object;
}

const PRIORITY =
  '299 - "spec.template.spec.priorityClassName: has no effect: no running machine gives way to another"';
const SCHEDULER =
  '299 - "spec.template.spec.schedulerName: has no effect: the hub places every machine, by its nodeSelector"';
const BOTH = `${PRIORITY}, ${SCHEDULER}`;

test('whoever writes fields that mean nothing here is warned of each, and has them kept', async () => {
  const created = await api.call('POST', VMS, idleMachine('warned'));
  expect([created.code, created.headers.get('warning')]).toEqual([201, BOTH]);
  const read = await api.call<Templated>('GET', `${VMS}/warned`);
  expect(read.headers.get('warning')).toBeNull();
  expect(read.body.spec.template.spec).toMatchObject({ priorityClassName: 'high', schedulerName: 'mine' });

  const change = { spec: { template: { spec: { hostname: 'a' } } } };
  const patched = await api.call('PATCH', `${VMS}/warned`, change, MERGE);
  expect([patched.code, patched.headers.get('warning')]).toEqual([200, BOTH]);
  const replacement = { ...idleMachine('warned', { priorityClassName: 'low' }) };
  const { resourceVersion } = patched.body.metadata;
  Object.assign(replacement.metadata, { resourceVersion });
  const replaced = await api.call('PUT', `${VMS}/warned`, replacement);
  expect([replaced.code, replaced.headers.get('warning')]).toEqual([200, PRIORITY]);
});

const UNKNOWN = 'spec.template.spec.hostnmae';

test.each([
  ['Ignore', 201, null],
  ['Warn', 201, `299 - "unknown field \\"${UNKNOWN}\\""`],
  ['', 201, `299 - "unknown field \\"${UNKNOWN}\\""`],
  ['Strict', 400, `299 - "${UNKNOWN}: did you mean \\"hostname\\"?"`],
])('so is who only tries it, with fieldValidation=%s', async (mode, code, warning) => {
  const query = `?dryRun=All&fieldValidation=${mode}`;
  const tried = await api.call('POST', `${VMS}${query}`, idleMachine('tried'));
  expect([tried.code, tried.headers.get('warning')]).toEqual([201, BOTH]);
  const unknown = await api.call('POST', `${VMS}${query}`, idleMachine('tried', { hostnmae: 'a' }));
  expect([unknown.code, unknown.headers.get('warning')]).toEqual([code, warning]);
});

test('a label or a status is written without a word of the rest', async () => {
  await api.call('POST', VMS, idleMachine('quiet'));
  const labelled = await api.call('PATCH', `${VMS}/quiet`, { metadata: { labels: { a: 'b' } } }, MERGE);
  expect([labelled.code, labelled.headers.get('warning')]).toEqual([200, null]);
  const status = { status: { printableStatus: 'Running' } };
  const told = await api.call('PATCH', `${VMS}/quiet/status`, status, MERGE);
  expect([told.code, told.headers.get('warning')]).toEqual([200, null]);
});

test('there is an end to warnings, and to each', async () => {
  const toleration = { key: 'a', operator: 'Exists' };
  const many = Array.from({ length: 30 }, (_, index) => `a${index}: x`);
  expect(compileWarnings(many)).toHaveLength(21);
  expect(compileWarnings(many).at(-1)).toBe('299 - "10 more warnings are left out"');
  expect(compileWarnings(['x'.repeat(1000)])[0]?.length).toBeLessThan(300);
  const crowd = await api.call(
    'POST',
    VMS,
    idleMachine('crowd', { tolerations: Array(50).fill(toleration) }),
  );
  expect(crowd.headers.get('warning')).toBe(
    '299 - "spec.template.spec.tolerations: has no effect: devices have no taints"',
  );
});

test('quotes, line breaks and foreign letters do no harm to a header', () => {
  expect(compileWarnings(['a["\\"]: x\r\nSet-Cookie: y'])).toEqual([
    String.raw`299 - "a[\"\\\"]: x  Set-Cookie: y"`,
  ]);
  const [sent = ''] = compileWarnings(['ü: …']);
  expect(Buffer.from(sent, 'latin1').toString('utf8')).toBe('299 - "ü: …"');
});
