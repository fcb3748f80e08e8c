import { createHash } from 'node:crypto';
import type { KindDefinition } from '../../shared/model/kind.ts';
import { groupsOf, kindsOf, rootOf } from './discovery.ts';
import { pathNotFound } from './errors.ts';
import type { JsonSchema, KindSchemas } from './kind-schemas.ts';
import { NOT_SUPPORTED_COMPONENT, NOT_SUPPORTED_SCHEMA } from './kind-schemas.ts';
import { patchTypesOf } from './write-options.ts';

/**
 * OpenAPI v3 documents, one for each group's version, as `kubectl` reads them: for `explain`, and to find that
 * fields are checked here (`fieldValidation`) and writes can be tried (`dryRun`). Version 2 is not served: it is
 * what `kubectl` falls back to where there is no version 3, and wants it as a protobuf.
 */
export interface OpenApi {
  /** `/openapi/v3` */
  index(): object;
  /** `/openapi/v3/ROOT`, e.g. of `apis/kubevirt.io/v1`; @throws ApiError 404 */
  document(root: string): object;
}

export function createOpenApi(
  kinds: readonly KindDefinition[],
  schemas: KindSchemas,
  version: string,
): OpenApi {
  const documents = new Map<string, { readonly document: object; readonly hash: string }>();
  const served = new Map<string, readonly { readonly kind: KindDefinition; readonly version: string }[]>();
  for (const group of groupsOf(kinds)) {
    for (const groupVersion of group.versions) {
      const members = kindsOf(kinds, group.name, groupVersion);
      const [first] = members;
      if (first === undefined) continue;
      served.set(
        rootOf(first, groupVersion),
        members.map((kind) => ({ kind, version: groupVersion })),
      );
    }
  }

  function find(root: string) {
    const made = documents.get(root);
    if (made !== undefined) return made;
    const members = served.get(root);
    if (members === undefined) throw pathNotFound();
    const document = {
      openapi: '3.0.0',
      info: { title: 'Holdfast', version },
      paths: Object.assign({}, ...members.map((member) => compilePaths(member.kind, member.version))),
      components: {
        schemas: Object.assign(
          { [NOT_SUPPORTED_COMPONENT]: NOT_SUPPORTED_SCHEMA },
          ...members.map((member) => compileComponents(schemas, member)),
        ),
      },
    };
    const hash = createHash('sha256').update(JSON.stringify(document)).digest('hex');
    documents.set(root, { document, hash });
    return { document, hash };
  }

  return {
    index() {
      const entries = [...served.keys()].map((root) => {
        return [root, { serverRelativeURL: `/openapi/v3/${root}?hash=${find(root).hash}` }];
      });
      return { paths: Object.fromEntries(entries) };
    },
    document: (root) => find(root).document,
  };
}

const QUERY_PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  get: [],
  list: [
    'labelSelector',
    'fieldSelector',
    'limit',
    'continue',
    'resourceVersion',
    'resourceVersionMatch',
    'watch',
  ],
  post: ['dryRun', 'fieldManager', 'fieldValidation'],
  put: ['dryRun', 'fieldManager', 'fieldValidation'],
  patch: ['dryRun', 'fieldManager', 'fieldValidation', 'force'],
  delete: ['dryRun', 'propagationPolicy'],
};

const BODY_TYPES = ['application/json', 'application/yaml'];

function compilePaths(kind: KindDefinition, version: string): Record<string, object> {
  const gvk = { group: kind.group, version, kind: kind.kind };
  const schema = { $ref: `#/components/schemas/${componentOf(kind, version)}` };
  const list = { $ref: `#/components/schemas/${componentOf(kind, version)}List` };

  function operation(action: string, result: object, bodyTypes: readonly string[] = []): object {
    const names = QUERY_PARAMETERS[action] ?? [];
    const body = Object.fromEntries(bodyTypes.map((type) => [type, { schema }]));
    return {
      parameters: names.map((name) => ({ name, in: 'query', schema: { type: 'string' } })),
      ...(bodyTypes.length > 0 && { requestBody: { content: body } }),
      responses: { '200': { description: 'OK', content: { 'application/json': { schema: result } } } },
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': gvk,
    };
  }

  const root = `/${rootOf(kind, version)}`;
  const collection = kind.namespaced
    ? `${root}/namespaces/{namespace}/${kind.plural}`
    : `${root}/${kind.plural}`;
  const single = {
    get: operation('get', schema),
    put: operation('put', schema, BODY_TYPES),
    patch: operation('patch', schema, patchTypesOf(kind)),
  };
  return {
    ...(kind.namespaced && { [`${root}/${kind.plural}`]: { get: operation('list', list) } }),
    [collection]: {
      parameters: pathParameters(collection),
      get: operation('list', list),
      post: operation('post', schema, BODY_TYPES),
      delete: operation('delete', {}),
    },
    [`${collection}/{name}`]: {
      parameters: pathParameters(`${collection}/{name}`),
      ...single,
      delete: operation('delete', {}),
    },
    ...(kind.statusSubresource && {
      [`${collection}/{name}/status`]: { parameters: pathParameters(`${collection}/{name}`), ...single },
    }),
    ...(kind.scaleSubresource === true && {
      [`${collection}/{name}/scale`]: {
        parameters: pathParameters(`${collection}/{name}`),
        get: operation('get', {}),
        put: operation('put', {}, BODY_TYPES),
        patch: operation('patch', {}, patchTypesOf(kind)),
      },
    }),
  };
}

function pathParameters(path: string): object[] {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  return names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
}

function compileComponents(
  schemas: KindSchemas,
  { kind, version }: { readonly kind: KindDefinition; readonly version: string },
): Record<string, JsonSchema> {
  const name = componentOf(kind, version);
  const gvk = { group: kind.group, version, kind: kind.kind };
  const items = { type: 'array', items: { $ref: `#/components/schemas/${name}` } };
  const text = { type: 'string' };
  return {
    [name]: { ...schemas.of(kind), 'x-kubernetes-group-version-kind': [gvk] },
    [`${name}List`]: {
      type: 'object',
      properties: { apiVersion: text, kind: text, metadata: { type: 'object' }, items },
      'x-kubernetes-group-version-kind': [{ ...gvk, kind: `${kind.kind}List` }],
    },
  };
}

/** `io.kubevirt.v1.VirtualMachine` */
function componentOf(kind: KindDefinition, version: string): string {
  const group = kind.group === '' ? 'core' : kind.group.split('.').toReversed().join('.');
  return `${group}.${version}.${kind.kind}`;
}
