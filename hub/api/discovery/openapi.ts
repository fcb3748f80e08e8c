import { createHash } from 'node:crypto';
import type { KindDefinition, Verb } from '../../../shared/model/kind.ts';
import { isBuiltIn, verbsOf } from '../../../shared/model/kind.ts';
import { groupsOf, kindsOf, rootOf } from './discovery.ts';
import { pathNotFound } from '../errors.ts';
import type { JsonSchema, KindSchemas } from './kind-schemas.ts';
import { NOT_SUPPORTED_COMPONENT, NOT_SUPPORTED_SCHEMA } from './kind-schemas.ts';
import { patchTypesOf } from '../write/write-options.ts';

/**
 * OpenAPI v3 documents, one for each group's version, as `kubectl` reads them: for `explain`, and to find that
 * fields are checked here (`fieldValidation`) and writes can be tried (`dryRun`).
 */
export interface OpenApi {
  readonly info: { readonly title: string; readonly version: string };
  /** `/openapi/v3` */
  index(): object;
  /** `/openapi/v3/ROOT`, e.g. of `apis/kubevirt.io/v1`, as JSON, and its hash; @throws ApiError 404 */
  document(root: string): { readonly text: string; readonly hash: string };
  /** What `document` has one of: `api/v1`, `apis/kubevirt.io/v1` … */
  readonly roots: readonly string[];
}

export function createOpenApi(
  kinds: readonly KindDefinition[],
  schemas: KindSchemas,
  version: string,
): OpenApi {
  const info = { title: 'Holdfast', version };
  const documents = new Map<string, { readonly text: string; readonly hash: string }>();
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

  function document(root: string) {
    const made = documents.get(root);
    if (made !== undefined) return made;
    const members = served.get(root);
    if (members === undefined) throw pathNotFound();
    const text = JSON.stringify({
      openapi: '3.0.0',
      info,
      paths: Object.assign({}, ...members.map((member) => compilePaths(member.kind, member.version))),
      components: {
        schemas: Object.assign(
          {
            [NOT_SUPPORTED_COMPONENT]: NOT_SUPPORTED_SCHEMA,
            [OBJECT_META]: schemas.objectMeta(),
            [LIST_META]: LIST_META_SCHEMA,
          },
          ...members.map((member) => compileComponents(schemas, member)),
        ),
      },
    });
    const hash = createHash('sha512').update(text).digest('hex').toUpperCase();
    documents.set(root, { text, hash });
    return { text, hash };
  }

  return {
    info,
    index() {
      const entries = [...served.keys()].map((root) => {
        return [root, { serverRelativeURL: `/openapi/v3/${root}?hash=${document(root).hash}` }];
      });
      return { paths: Object.fromEntries(entries) };
    },
    document,
    roots: [...served.keys()],
  };
}

const WRITE_PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation'];
const SELECTION_PARAMETERS = [
  'allowWatchBookmarks',
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
];
const DELETE_PARAMETERS = ['dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy'];
const QUERY_PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  get: ['resourceVersion'],
  list: [...SELECTION_PARAMETERS, 'watch'],
  post: WRITE_PARAMETERS,
  put: WRITE_PARAMETERS,
  patch: [...WRITE_PARAMETERS, 'force'],
  delete: DELETE_PARAMETERS,
  deletecollection: [...DELETE_PARAMETERS, ...SELECTION_PARAMETERS],
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
  const item = `${collection}/{name}`;
  const verbs = verbsOf(kind);
  const offer = (verb: Verb, method: string, made: object) =>
    verbs.includes(verb) ? { [method]: made } : {};
  const single = {
    ...offer('get', 'get', operation('get', schema)),
    ...offer('update', 'put', operation('put', schema, BODY_TYPES)),
    ...offer('patch', 'patch', operation('patch', schema, patchTypesOf(kind))),
  };
  return {
    ...(kind.namespaced && {
      [`${root}/${kind.plural}`]: offer('list', 'get', operation('list', list)),
    }),
    [collection]: {
      parameters: pathParameters(collection),
      ...offer('list', 'get', operation('list', list)),
      ...offer('create', 'post', operation('post', schema, BODY_TYPES)),
      ...offer('deletecollection', 'delete', operation('deletecollection', {})),
    },
    ...(verbs.includes('get') && {
      [item]: {
        parameters: pathParameters(item),
        ...single,
        ...offer('delete', 'delete', operation('delete', {})),
      },
    }),
    ...(kind.statusSubresource && {
      [`${item}/status`]: { parameters: pathParameters(item), ...single },
    }),
    ...(kind.scaleSubresource === true && {
      [`${item}/scale`]: {
        parameters: pathParameters(item),
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

/** By Kubernetes' own names, which some clients look for. */
const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const LIST_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta';
const LIST_META_SCHEMA: JsonSchema = {
  description: 'What a list says of itself',
  type: 'object',
  properties: {
    continue: { type: 'string', description: 'Where the next page begins' },
    remainingItemCount: { type: 'integer', description: 'How many objects there are after this page' },
    resourceVersion: { type: 'string', description: 'The state of affairs that is shown' },
    selfLink: { type: 'string' },
  },
};

function compileComponents(
  schemas: KindSchemas,
  { kind, version }: { readonly kind: KindDefinition; readonly version: string },
): Record<string, JsonSchema> {
  const name = componentOf(kind, version);
  const gvk = { group: kind.group, version, kind: kind.kind };
  const schema = schemas.of(kind);
  const metadata = { description: 'Who it is, and what is noted of it', ...referenceTo(OBJECT_META) };
  const text = { type: 'string' };
  return {
    [name]: {
      ...schema,
      properties: { ...schema.properties, metadata },
      'x-kubernetes-group-version-kind': [gvk],
    },
    [`${name}List`]: {
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: text,
        kind: text,
        metadata: referenceTo(LIST_META),
        items: { type: 'array', items: referenceTo(name) },
      },
      'x-kubernetes-group-version-kind': [{ ...gvk, kind: `${kind.kind}List` }],
    },
  };
}

/** In an `allOf`, as a reference has no words of its own. */
function referenceTo(component: string): JsonSchema {
  return { allOf: [{ $ref: `#/components/schemas/${component}` }] };
}

/** `io.kubevirt.v1.VirtualMachine`, `io.k8s.api.core.v1.ConfigMap` */
function componentOf(kind: KindDefinition, version: string): string {
  const [own = ''] = kind.group.split('.');
  const group = isBuiltIn(kind)
    ? `io.k8s.api.${own || 'core'}`
    : kind.group.split('.').toReversed().join('.');
  return `${group}.${version}.${kind.kind}`;
}
