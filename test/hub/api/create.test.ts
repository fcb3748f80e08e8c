import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApi } from './start-api.ts';
import { VMS, machine, startApi } from './start-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const create = (name: string, metadata?: object) => api.call('POST', VMS, machine(name, metadata));
const read = async (name: string) => (await api.call('GET', `${VMS}/${name}`)).body;

describe('creating', () => {
  test('gives an object what the hub gives it, and nothing that the client made up', async () => {
    const made = {
      uid: '1b4e28ba-2fa1-11d2-883f-0016d3cca427',
      generation: 7,
      creationTimestamp: '2001-01-01T00:00:00Z',
      deletionTimestamp: '2001-01-01T00:00:00Z',
      managedFields: [{ manager: 'x' }],
      labels: null,
    };
    const { code, body } = await api.call('POST', VMS, {
      ...machine('made', made),
      status: { printableStatus: 'Running' },
    });
    expect(code).toBe(201);
    expect(body.metadata).toEqual({
      name: 'made',
      namespace: 'default',
      uid: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      generation: 1,
      creationTimestamp: expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
      resourceVersion: expect.stringMatching(/^\d+$/) as string,
      managedFields: [expect.objectContaining({ manager: 'node', operation: 'Update' })] as object[],
    });
    expect(body.metadata.uid).not.toBe(made.uid);
    expect(body.metadata.creationTimestamp).not.toBe(made.creationTimestamp);
    expect(body.status).toBeUndefined();
    expect(await read('made')).toEqual(body);
  });

  test('makes up a name where it is given its beginning', async () => {
    const { metadata, ...rest } = machine('');
    const { code, body } = await api.call('POST', VMS, {
      ...rest,
      metadata: { ...metadata, name: undefined, generateName: 'pos-' },
    });
    expect(code).toBe(201);
    expect(body.metadata.name).toMatch(/^pos-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    const nameless = await api.call('POST', VMS, { ...rest, metadata: {} });
    expect(nameless.code).toBe(422);
    expect(nameless.body.details.causes[0]?.field).toBe('metadata.name');
  });

  test('is refused where there is one already, or no such namespace', async () => {
    await create('twice');
    const again = await create('twice');
    expect([again.code, again.body.reason]).toEqual([409, 'AlreadyExists']);
    const nowhere = await api.call('POST', VMS.replace('default', 'nowhere'), machine('a'));
    expect([nowhere.code, nowhere.body.message]).toEqual([404, 'namespaces "nowhere" not found']);
  });

  test('names every field that is wrong', async () => {
    const wrong = machine('wrong');
    const { code, body } = await api.call('POST', VMS, {
      ...wrong,
      spec: {
        running: true,
        runStrategy: 'Halted',
        template: {
          spec: { domain: { memory: { guest: '12x' }, devices: { filesystems: [{ name: 'f' }] } } },
        },
      },
    });
    expect([code, body.reason, body.details.kind]).toEqual([422, 'Invalid', 'VirtualMachine']);
    expect(body.message).toMatch(
      /^VirtualMachine\.kubevirt\.io "wrong" is invalid: \[.*spec\.running: Forbidden: /,
    );
    const causes = new Map(body.details.causes.map(({ field, reason }) => [String(field), String(reason)]));
    expect(causes.get('spec.running')).toBe('FieldValueForbidden');
    expect(causes.get('spec.template.spec.domain.memory.guest')).toBe('FieldValueInvalid');
    expect(causes.get('spec.template.spec.domain.devices.filesystems')).toBe('FieldValueNotSupported');
  });

  test('can be tried', async () => {
    const { code, body } = await api.call('POST', `${VMS}?dryRun=All`, machine('tried'));
    expect([code, body.metadata.name, body.metadata.resourceVersion]).toEqual([201, 'tried', undefined]);
    expect((await api.call('GET', `${VMS}/tried`)).code).toBe(404);
    const wrong = await api.call('POST', `${VMS}?dryRun=Some`, machine('tried'));
    expect([wrong.code, wrong.body.message]).toEqual([
      422,
      'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
    ]);
  });

  test('tells of fields that are there twice, and refuses them where it is to be strict', async () => {
    const maps = '/api/v1/namespaces/default/configmaps?dryRun=All';
    const json =
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"1","l":"{,}","k":"2"}}';
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata:\n  k: "1"\n  k: "2"\n';
    for (const [type, text, what] of [
      ['application/json', json, 'duplicate field "data.k"'],
      ['application/yaml', yaml, 'line 6: key "k" already set in map'],
    ] as const) {
      const headers = { 'content-type': type };
      const warned = await api.call('POST', maps, text, headers);
      expect([warned.code, warned.headers.get('warning')]).toEqual([
        201,
        `299 - "${what.replaceAll('"', String.raw`\"`)}"`,
      ]);
      const { code, body } = await api.call('POST', `${maps}&fieldValidation=Strict`, text, headers);
      expect([code, body.reason, body.message]).toEqual([
        400,
        'BadRequest',
        `ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: ${what}`,
      ]);
      const ignored = await api.call('POST', `${maps}&fieldValidation=Ignore`, text, headers);
      expect([ignored.code, ignored.headers.get('warning')]).toEqual([201, null]);
    }
  });

  test('takes YAML, and any version that is served', async () => {
    const yaml = JSON.stringify({ ...machine('yaml'), apiVersion: 'kubevirt.io/v1alpha3' }, null, 1);
    const path = VMS.replace('/v1/', '/v1alpha3/');
    const made = await api.call('POST', path, `# a comment\n${yaml}`, { 'content-type': 'application/yaml' });
    expect([made.code, made.body.apiVersion]).toEqual([201, 'kubevirt.io/v1alpha3']);
    expect((await read('yaml')).apiVersion).toBe('kubevirt.io/v1');
  });
});
