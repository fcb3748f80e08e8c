import { isRecord } from '../../shared/base/record.ts';
import { notAcceptable } from './errors.ts';
import type { OpenApi } from './openapi.ts';
import { encodeMessage, text } from './protobuf-writer.ts';

/**
 * OpenAPI v2, which kubectl still asks for where a file holds a `List`: to find out whether the server checks fields
 * itself. It says which paths there are and which parameters they take; definitions of kinds are in version 3 only.
 */
export function serveOpenApiV2(
  openApi: OpenApi,
  accept: string,
): { content: string | Uint8Array; contentType: string } {
  const types = accept.split(',').map((part) => part.split(';', 1).join().trim().toLowerCase());
  if (types.includes(PROTOBUF))
    return { content: encodeDocument(compileDocument(openApi)), contentType: PROTOBUF };
  if (accept.trim() === '' || types.some((type) => JSON_TYPES.includes(type))) {
    return { content: JSON.stringify(compileDocument(openApi)), contentType: 'application/json' };
  }
  throw notAcceptable(`application/json, ${PROTOBUF}`);
}

const PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
const JSON_TYPES = ['application/json', 'application/*', '*/*', 'application/vnd.kubernetes.protobuf'];
const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;
const GROUP_VERSION_KIND = 'x-kubernetes-group-version-kind';
const ACTION = 'x-kubernetes-action';

interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly type: 'string';
  readonly required?: true;
}

interface Operation {
  readonly parameters: readonly Parameter[];
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
  readonly [ACTION]?: string;
  readonly [GROUP_VERSION_KIND]?: object;
}

type PathItem = { readonly [Method in (typeof METHODS)[number]]?: Operation } & {
  readonly parameters: readonly Parameter[];
};

interface Document {
  readonly swagger: '2.0';
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, PathItem>>;
}

function compileDocument(openApi: OpenApi): Document {
  const paths: Record<string, PathItem> = {};
  for (const [path, item] of Object.entries(openApi.paths())) {
    const operations = METHODS.flatMap((method) => {
      const operation: unknown = Reflect.get(item, method);
      return isRecord(operation) ? [[method, compileOperation(operation)] as const] : [];
    });
    const given: unknown = Reflect.get(item, 'parameters');
    paths[path] = { ...Object.fromEntries(operations), parameters: compileParameters(given) };
  }
  return { swagger: '2.0', info: openApi.info, paths };
}

function compileOperation(operation: Readonly<Record<string, unknown>>): Operation {
  const action = operation[ACTION];
  const gvk = operation[GROUP_VERSION_KIND];
  return {
    parameters: compileParameters(operation['parameters']),
    responses: { '200': { description: 'OK' } },
    ...(typeof action === 'string' && { [ACTION]: action }),
    ...(isRecord(gvk) && { [GROUP_VERSION_KIND]: gvk }),
  };
}

function compileParameters(given: unknown): Parameter[] {
  return (Array.isArray(given) ? given : []).filter(isRecord).map((parameter) => ({
    name: String(parameter['name']),
    in: parameter['in'] === 'path' ? 'path' : 'query',
    type: 'string',
    ...(parameter['in'] === 'path' && { required: true }),
  }));
}

/** By the field numbers of gnostic's `OpenAPIv2.proto`. */
function encodeDocument({ swagger, info, paths }: Document): Uint8Array {
  const items = Object.entries(paths).map(([path, item]) =>
    encodeMessage([1, text(path)], [2, encodePath(item)]),
  );
  return encodeMessage(
    [1, text(swagger)],
    [2, encodeMessage([1, text(info.title)], [2, text(info.version)])],
    [8, encodeMessage(...items.map((item): [number, Uint8Array] => [2, item]))],
  );
}

const METHOD_FIELDS = { get: 2, put: 3, post: 4, delete: 5, patch: 8 } as const;

function encodePath(item: PathItem): Uint8Array {
  const operations = METHODS.flatMap((method): [number, Uint8Array][] => {
    const operation = item[method];
    return operation === undefined ? [] : [[METHOD_FIELDS[method], encodeOperation(operation)]];
  });
  return encodeMessage(
    ...operations,
    ...item.parameters.map((one): [number, Uint8Array] => [9, encodeParameter(one)]),
  );
}

function encodeOperation({ parameters, responses, ...extensions }: Operation): Uint8Array {
  const codes = Object.entries(responses).map(([code, { description }]): [number, Uint8Array] => {
    const response = encodeMessage([1, encodeMessage([1, text(description)])]);
    return [1, encodeMessage([1, text(code)], [2, response])];
  });
  const named = Object.entries(extensions).map(([name, value]): [number, Uint8Array] => {
    // An `Any` holds its value as YAML, which JSON is.
    return [13, encodeMessage([1, text(name)], [2, encodeMessage([2, text(JSON.stringify(value))])])];
  });
  return encodeMessage(
    ...parameters.map((one): [number, Uint8Array] => [8, encodeParameter(one)]),
    [9, encodeMessage(...codes)],
    ...named,
  );
}

/** A `ParametersItem` of a `Parameter` of a `NonBodyParameter`, of the query (3) or the path (4). */
function encodeParameter({ name, in: place, type }: Parameter): Uint8Array {
  const isQuery = place === 'query';
  const schema = isQuery
    ? encodeMessage([2, text(place)], [4, text(name)], [6, text(type)])
    : encodeMessage([1, 1], [2, text(place)], [4, text(name)], [5, text(type)]);
  return encodeMessage([1, encodeMessage([2, encodeMessage([isQuery ? 3 : 4, schema])])]);
}
