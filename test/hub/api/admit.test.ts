import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Admission } from '../../../hub/api/context.ts';
import type { FieldCause } from '../../../shared/model/validate.ts';
import type { TestApi } from './start-api.ts';
import { MERGE, VMS, machine, startApi } from './start-api.ts';

let api: TestApi;
const admissions: Admission[] = [];
/** Refuses what is labelled so. */
async function admit(admission: Admission): Promise<readonly FieldCause[]> {
  admissions.push(admission);
  if (admission.object.metadata.labels?.['refuse'] !== admission.verb) return [];
  return [{ field: 'spec.template', reason: 'FieldValueForbidden', message: 'not here' }];
}
beforeAll(async () => {
  api = await startApi({ admit });
});
afterAll(() => api.close());

const create = (name: string, metadata?: object) => api.call('POST', VMS, machine(name, metadata));
const patch = (name: string, body: unknown) => api.call('PATCH', `${VMS}/${name}`, body, MERGE);

test('every write is put to the hub, which may refuse it', async () => {
  const refused = await create('asked', { labels: { refuse: 'create' } });
  expect([refused.code, refused.body.message]).toEqual([
    422,
    'VirtualMachine.kubevirt.io "asked" is invalid: spec.template: Forbidden: not here',
  ]);
  await create('asked', { labels: { refuse: 'update' } });
  expect((await patch('asked', { metadata: { annotations: { a: 'b' } } })).code).toBe(422);
  expect(admissions.at(-1)?.previous?.metadata.annotations).toBeUndefined();
  await patch('asked', { metadata: { labels: { refuse: 'delete' } } });
  const kept = await api.call('DELETE', `${VMS}/asked`);
  expect([kept.code, kept.body.message]).toEqual([
    403,
    'virtualmachines.kubevirt.io "asked" is forbidden: spec.template: not here',
  ]);
});
