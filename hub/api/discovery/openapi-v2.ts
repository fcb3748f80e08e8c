import type { JsonSchema } from './kind-schemas.ts';
import type { OpenApi } from './openapi.ts';

/**
 * OpenAPI v2, which Terraform, Argo CD, Ansible and kubectl before 1.27 learn kinds from, and newer ones whether the
 * server checks fields itself: the documents of version 3 in one, in the older form.
 */
export interface OpenApiV2 {
  readonly swagger: '2.0';
  readonly info: OpenApi['info'];
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly definitions: Readonly<Record<string, JsonSchema>>;
}

export const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;
export type Method = (typeof METHODS)[number];

export type PathItem = { readonly [One in Method]?: Operation } & {
  readonly parameters: readonly Parameter[];
};

export interface Operation {
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly responses: Readonly<Record<string, { readonly description: string; readonly schema: JsonSchema }>>;
  /** `x-kubernetes-action`, `x-kubernetes-group-version-kind`. */
  readonly [extension: `x-${string}`]: unknown;
}

export type Parameter =
  | {
      readonly name: string;
      readonly in: 'query' | 'path';
      readonly type: string;
      readonly required: boolean;
    }
  | { readonly name: 'body'; readonly in: 'body'; readonly required: true; readonly schema: JsonSchema };

/** As much of a document of version 3 as is carried over. */
interface Source {
  readonly paths: Readonly<Record<string, SourcePath>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}
type SourcePath = { readonly [One in Method]?: SourceOperation } & {
  readonly parameters?: readonly SourceParameter[];
};
interface SourceOperation {
  readonly parameters: readonly SourceParameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content: Content }>>;
  readonly [extension: `x-${string}`]: unknown;
}
interface SourceParameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly schema: { readonly type: string };
}
type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>;

export function compileOpenApiV2(openApi: OpenApi): OpenApiV2 {
  const sources = openApi.roots.map((root) => JSON.parse(openApi.document(root).text) as Source);
  const paths = sources.flatMap((source) => Object.entries(source.paths));
  const schemas = sources.flatMap(({ components }) => Object.entries(components.schemas));
  return {
    swagger: '2.0',
    info: openApi.info,
    paths: Object.fromEntries(paths.map(([path, item]) => [path, convertPath(item)])),
    definitions: Object.fromEntries(schemas.map(([name, schema]) => [name, convertSchema(schema)])),
  };
}

function convertPath(item: SourcePath): PathItem {
  const operations = METHODS.flatMap((method) => {
    const operation = item[method];
    return operation === undefined ? [] : [[method, convertOperation(operation)] as const];
  });
  return {
    ...Object.fromEntries(operations),
    parameters: (item.parameters ?? []).map(convertParameter),
  };
}

function convertOperation({ parameters, requestBody, responses, ...extensions }: SourceOperation): Operation {
  const [body] = Object.values(requestBody?.content ?? {});
  const answers = Object.entries(responses).map(([code, { description, content }]) => {
    const [answer] = Object.values(content);
    return [code, { description, schema: convertSchema(answer?.schema ?? {}) }] as const;
  });
  return {
    ...extensions,
    consumes: Object.keys(requestBody?.content ?? {}),
    produces: [...new Set(Object.values(responses).flatMap(({ content }) => Object.keys(content)))],
    parameters: [
      ...parameters.map(convertParameter),
      ...(body === undefined
        ? []
        : [{ name: 'body', in: 'body', required: true, schema: convertSchema(body.schema) } as const]),
    ],
    responses: Object.fromEntries(answers),
  };
}

function convertParameter({ name, in: place, schema: { type } }: SourceParameter): Parameter {
  return { name, in: place, type, required: place === 'path' };
}

/** What is carried over as it is. Bounds and patterns are not: who checks them is the hub. */
const KEPT = ['type', 'format', 'description', 'default', 'enum', 'required'];
const PRESERVE = 'x-kubernetes-preserve-unknown-fields';

/**
 * After apiextensions' `ToStructuralOpenAPIV2`: choices between schemas can't be said, and what is left without a type
 * is anything. Other than there a field that may be null has its type all the same, as Kubernetes' own kinds have.
 */
function convertSchema(schema: JsonSchema): JsonSchema {
  const reference = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined);
  const converted: JsonSchema = Object.fromEntries(
    Object.entries(schema).filter(([keyword]) => KEPT.includes(keyword) || keyword.startsWith('x-')),
  );
  if (reference !== undefined) {
    return { ...converted, $ref: reference.replace('#/components/schemas/', '#/definitions/') };
  }
  const { properties, items, additionalProperties: others } = schema;
  // kubectl knows no fields of what may have any, and no list of which it does not know what is in it.
  if (schema[PRESERVE] === true || (schema.type === 'array' && items === undefined)) {
    delete converted.type;
    delete converted['required'];
    return converted;
  }
  if (properties !== undefined) {
    const members = Object.entries(properties).map(
      ([name, member]) => [name, convertSchema(member)] as const,
    );
    converted.properties = Object.fromEntries(members);
  }
  if (items !== undefined) converted.items = convertSchema(items);
  if (others !== undefined)
    converted.additionalProperties = typeof others === 'boolean' ? others : convertSchema(others);
  return converted;
}
