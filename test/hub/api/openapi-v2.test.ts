import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiVersionOf } from '../../../shared/model/kind.ts';
import { KINDS } from '../../../shared/model/kinds.ts';
import { kubectl } from '../../tools/kubectl.ts';
import type { TestApi } from './start-api.ts';
import { startApi } from './start-api.ts';

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly [keyword: string]: unknown;
}
interface Parameter {
  readonly name: string;
}
interface Document {
  readonly swagger: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly parameters?: Parameter[] }>>>>;
  readonly definitions: Readonly<Record<string, Schema>>;
}

const MIME = 'application/com.github.proto-openapi.spec.v2';
const GVK = 'x-kubernetes-group-version-kind';

let api: TestApi;
let document: Document;
beforeAll(async () => {
  api = await startApi();
  ({ body: document } = await api.call<Document>('GET', '/openapi/v2'));
});
afterAll(() => api.close());

test('every kind has a definition, which is found by its group, version and kind', () => {
  const defined = Object.values(document.definitions).flatMap((schema) => (schema[GVK] ?? []) as object[]);
  for (const kind of KINDS) {
    for (const version of kind.versions) {
      const gvk = { group: kind.group, version, kind: kind.kind };
      expect(defined, apiVersionOf(kind, version)).toContainEqual(gvk);
    }
  }
  const spec = document.definitions['io.kubevirt.v1.VirtualMachine']?.properties?.['spec'];
  expect(spec).toMatchObject({
    type: 'object',
    required: ['template'],
    properties: {
      runStrategy: { type: 'string' },
      template: {
        properties: {
          spec: { properties: { dnsConfig: { $ref: '#/definitions/dev.holdfast.NotSupported' } } },
        },
      },
    },
  });
});

/** As much of version 2 as its readers understand; choices and `nullable` are version 3's. */
const KEYWORD =
  /^(?:type|format|description|default|enum|required|items|properties|additionalProperties|\$ref|x-kubernetes-[a-z-]+)$/;

function checkSchema(path: string, schema: Schema): void {
  expect([path, Object.keys(schema).filter((keyword) => !KEYWORD.test(keyword))]).toEqual([path, []]);
  const { $ref, type, items, properties = {}, additionalProperties: others } = schema;
  if ($ref !== undefined) expect(document.definitions).toHaveProperty([$ref.replace('#/definitions/', '')]);
  // kubectl refuses the whole document for a list of which it does not know what is in it.
  if (type === 'array') expect([path, items]).toEqual([path, expect.any(Object)]);
  for (const [name, member] of Object.entries(properties)) checkSchema(`${path}.${name}`, member);
  if (typeof others === 'object') checkSchema(`${path}.*`, others as Schema);
  if (items !== undefined) checkSchema(`${path}[]`, items as Schema);
}

test('it is all of version 2, and whole', () => {
  expect(document.swagger).toBe('2.0');
  for (const [name, schema] of Object.entries(document.definitions)) checkSchema(name, schema);
  const single = document.paths['/api/v1/namespaces/{namespace}/configmaps/{name}'];
  expect(single?.['put']).toMatchObject({
    consumes: ['application/json', 'application/yaml'],
    produces: ['application/json'],
    responses: { 200: { schema: { $ref: '#/definitions/io.k8s.api.core.v1.ConfigMap' } } },
  });
  expect(single?.['put']?.parameters?.map(({ name }) => name)).toEqual([
    'dryRun',
    'fieldManager',
    'fieldValidation',
    'body',
  ]);
});

test('kubectl explains by it, which reads it as protobuf', async () => {
  const explain = async (field: string) => {
    const asked = ['explain', field, '--output=plaintext-openapiv2', '--recursive'];
    const { stdout, stderr } = await kubectl(api.kubeconfigPath, asked);
    expect(stderr).toBe('');
    return stdout.replaceAll(/[\t ]+/g, ' ');
  };
  const machine = await explain('vm');
  expect(machine).toMatch(/^ cpu <Object>\n cores <integer>$/m);
  expect(machine).toMatch(/^ labels <map\[string\]string>$/m);
  expect(machine).toMatch(/^ volumes <\[\]Object>$/m);
  expect(await explain('configmap.data')).toContain('FIELD: data <map[string]string>');
});

test('it is answered in both names of its protobuf form, and not again to who has it', async () => {
  for (const accept of [`${MIME}@v1.0+protobuf`, `${MIME}.v1.0+protobuf, application/json;q=0.5`, '*/*']) {
    const first = await api.call('GET', '/openapi/v2', undefined, { accept });
    const type = accept === '*/*' ? 'application/json' : `${MIME}.v1.0+protobuf`;
    expect([first.code, first.headers.get('content-type')]).toEqual([200, type]);
    const etag = first.headers.get('etag') ?? '';
    const again = await api.call('GET', '/openapi/v2', undefined, { accept, 'if-none-match': etag });
    expect([again.code, again.headers.get('etag')]).toEqual([304, etag]);
  }
  const other = await api.call('GET', '/openapi/v2', undefined, { accept: 'application/yaml' });
  expect([other.code, other.body.reason]).toEqual([406, 'NotAcceptable']);
});
