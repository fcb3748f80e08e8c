import type { JsonSchema } from './kind-schemas.ts';
import type { OpenApiV2, Operation, Parameter, PathItem } from './openapi-v2.ts';
import { METHODS } from './openapi-v2.ts';
import { encodeMessage, text } from './protobuf-writer.ts';

type Field = [number: number, value: Uint8Array | number];

/** OpenAPI v2 in the encoding that client-go asks for, by the field numbers of gnostic's `OpenAPIv2.proto`. */
export function encodeOpenApiV2({ swagger, info, paths, definitions }: OpenApiV2): Uint8Array {
  const items = Object.entries(paths).map(([path, item]): Field => [2, named(path, encodePath(item))]);
  return encodeMessage(
    [1, text(swagger)],
    [2, encodeMessage([1, text(info.title)], [2, text(info.version)])],
    [8, encodeMessage(...items)],
    [9, encodeSchemas(definitions)],
  );
}

const METHOD_FIELDS = { get: 2, put: 3, post: 4, delete: 5, patch: 8 } as const;

function encodePath(item: PathItem): Uint8Array {
  const operations = METHODS.flatMap((method): Field[] => {
    const operation = item[method];
    return operation === undefined ? [] : [[METHOD_FIELDS[method], encodeOperation(operation)]];
  });
  return encodeMessage(...operations, ...item.parameters.map((one): Field => [9, encodeParameter(one)]));
}

function encodeOperation(operation: Operation): Uint8Array {
  const codes = Object.entries(operation.responses).map(([code, { description, schema }]): Field => {
    const answer = encodeMessage([1, text(description)], [2, encodeMessage([1, encodeSchema(schema)])]);
    return [1, named(code, encodeMessage([1, answer]))];
  });
  return encodeMessage(
    ...operation.produces.map((type): Field => [6, text(type)]),
    ...operation.consumes.map((type): Field => [7, text(type)]),
    ...operation.parameters.map((one): Field => [8, encodeParameter(one)]),
    [9, encodeMessage(...codes)],
    ...encodeExtensions(13, operation),
  );
}

/** A `ParametersItem` of a `Parameter`: a `BodyParameter`, or a `NonBodyParameter` of the query (3) or the path (4). */
function encodeParameter(parameter: Parameter): Uint8Array {
  const { name, in: place } = parameter;
  if (parameter.in === 'body') {
    const body: Field[] = [
      [2, text(name)],
      [3, text(place)],
      [4, 1],
      [5, encodeSchema(parameter.schema)],
    ];
    return encodeMessage([1, encodeMessage([1, encodeMessage(...body)])]);
  }
  const isQuery = place === 'query';
  const schema = encodeMessage(
    ...(parameter.required ? [[1, 1] as Field] : []),
    [2, text(place)],
    [4, text(name)],
    [isQuery ? 6 : 5, text(parameter.type)],
  );
  return encodeMessage([1, encodeMessage([2, encodeMessage([isQuery ? 3 : 4, schema])])]);
}

function encodeSchema(schema: JsonSchema): Uint8Array {
  const { $ref, format, description, type, items, properties, additionalProperties: others } = schema;
  const fields: Field[] = [];
  if ($ref !== undefined) fields.push([1, text($ref)]);
  if (format !== undefined) fields.push([2, text(format)]);
  if (description !== undefined) fields.push([4, text(description)]);
  if (schema['default'] !== undefined) fields.push([5, encodeAny(schema['default'])]);
  for (const name of schema.required ?? []) fields.push([19, text(name)]);
  for (const value of schema.enum ?? []) fields.push([20, encodeAny(value)]);
  if (typeof others === 'object') fields.push([21, encodeMessage([1, encodeSchema(others)])]);
  if (others === true) fields.push([21, encodeMessage([2, 1])]);
  if (type !== undefined) fields.push([22, encodeMessage([1, text(type)])]);
  if (items !== undefined) fields.push([23, encodeMessage([1, encodeSchema(items)])]);
  if (properties !== undefined) fields.push([25, encodeSchemas(properties)]);
  return encodeMessage(...fields, ...encodeExtensions(31, schema));
}

function encodeSchemas(schemas: Readonly<Record<string, JsonSchema>>): Uint8Array {
  const entries = Object.entries(schemas);
  return encodeMessage(...entries.map(([name, schema]): Field => [1, named(name, encodeSchema(schema))]));
}

function encodeExtensions(field: number, holder: object): Field[] {
  const extensions = Object.entries(holder).filter(([name]) => name.startsWith('x-'));
  return extensions.map(([name, value]) => [field, named(name, encodeAny(value))]);
}

/** An `Any` holds its value as YAML, which JSON is. */
function encodeAny(value: unknown): Uint8Array {
  return encodeMessage([2, text(JSON.stringify(value))]);
}

/** An entry of a map. */
function named(name: string, value: Uint8Array): Uint8Array {
  return encodeMessage([1, text(name)], [2, value]);
}
