import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiBody, TestApi } from './start-api.ts';
import { VMS, machine, startApi } from './start-api.ts';

/** What virtctl 1.9 sends beside the subresources that have tests of their own, as it sends it. */

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const SUB = '/apis/subresources.kubevirt.io/v1';

test('version is that of the KubeVirt whose format is spoken, by the group that virtctl looks up first', async () => {
  const group = await api.call<{ preferredVersion: { groupVersion: string } }>(
    'GET',
    '/apis/subresources.kubevirt.io',
  );
  const { groupVersion } = group.body.preferredVersion;
  const { code, body } = await api.call<{ gitVersion: string }>('GET', `/apis/${groupVersion}/version`);
  expect([code, body.gitVersion]).toEqual([200, 'v1.9.0+holdfast-0.1.0']);
});

test('expand gives a machine that stands for itself', async () => {
  const instancetypes =
    '/apis/instancetype.kubevirt.io/v1beta1/namespaces/default/virtualmachineinstancetypes';
  const small = { metadata: { name: 'small' }, spec: { cpu: { guest: 2 }, memory: { guest: '96Mi' } } };
  expect((await api.call('POST', instancetypes, small)).code).toBe(201);
  const { spec, ...rest } = machine('profiled');
  const { template } = spec as { template: { spec: { domain: { devices: object } } } };
  const { devices } = template.spec.domain;
  const profiled = {
    ...rest,
    spec: {
      runStrategy: 'Halted',
      instancetype: { kind: 'VirtualMachineInstancetype', name: 'small' },
      template: { spec: { ...template.spec, domain: { devices } } },
    },
  };
  expect((await api.call('POST', VMS, profiled)).code).toBe(201);
  const path = `${SUB}/namespaces/default/virtualmachines`;
  const { code, body } = await api.call('GET', `${path}/profiled/expand-spec`);
  expect(code).toBe(200);
  expect(body).toMatchObject({
    kind: 'VirtualMachine',
    spec: { template: { spec: { domain: { memory: { guest: '96Mi' }, cpu: { sockets: 2 } } } } },
  });
  expect(Object.keys(body.spec)).not.toContain('instancetype');
  const { metadata, ...content } = body;
  const { code: made } = await api.call('POST', VMS, { ...content, metadata: { name: 'expanded' } });
  expect(made).toBe(201);

  await api.call('DELETE', `${instancetypes}/small`);
  const { body: refused } = await api.call<ApiBody>('GET', `${path}/profiled/expand-spec`);
  expect([refused.reason, refused.message]).toEqual([
    'Invalid',
    expect.stringContaining('there is no VirtualMachineInstancetype "small"'),
  ]);
});

test.each([
  ['expand-vm-spec', 'ask for its expand-spec'],
  ['virtualmachines/a/migrate', 'a machine stays on its device'],
  ['virtualmachines/a/evacuate/cancel', 'a machine stays on its device'],
  ['virtualmachineinstances/a/evacuate/cancel', 'a machine stays on its device'],
  ['virtualmachines/a/memorydump', 'memory is not dumped'],
  ['virtualmachines/a/removememorydump', 'memory is not dumped'],
  ['virtualmachineinstances/a/sev/setupsession', "hardware and firmware that boxes don't have"],
])('%s says why it is not here', async (path, why) => {
  const { code, body } = await api.call('PUT', `${SUB}/namespaces/default/${path}`, {});
  expect([code, body.message]).toEqual([400, expect.stringContaining(why)]);
});
