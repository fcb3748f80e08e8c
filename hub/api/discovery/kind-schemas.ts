import { z } from 'zod';
import type { Form } from '../../../shared/model/form.ts';
import { formOf } from '../../../shared/model/form.ts';
import type { KindDefinition } from '../../../shared/model/kind.ts';
import { isBuiltIn } from '../../../shared/model/kind.ts';
import { objectMeta } from '../../../shared/model/metadata.ts';
import type { RefusedFields } from '../../../shared/model/schema.ts';
import { LIST_MAP_KEYS, LIST_TYPE } from '../../../shared/model/schema.ts';
import type { FieldType } from '../../apply/field-type.ts';
import { createFieldTypes } from '../../apply/field-type.ts';
import { pruneUnknown } from '../write/prune.ts';

/** As much of OpenAPI 3.0's Schema Object as is looked at here. */
export interface JsonSchema {
  $ref?: string;
  type?: string;
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  nullable?: boolean;
  description?: string;
  enum?: unknown[];
  required?: string[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  items?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  properties?: Record<string, JsonSchema>;
  /** The marks of shared/model/schema.ts, until they are turned into descriptions. */
  meaningless?: string;
  refused?: RefusedFields;
  [keyword: string]: unknown;
}

/** The component that refused fields refer to: `kubectl explain` shows the last part of its name as their type. */
export const NOT_SUPPORTED_COMPONENT = 'dev.holdfast.NotSupported';
/** Without a type, so that clients take it for anything; each field's own description says why it is refused. */
export const NOT_SUPPORTED_SCHEMA: JsonSchema = { 'x-kubernetes-preserve-unknown-fields': true };

export interface KindSchemas {
  /** The schema of a kind's objects as they are written, made when it is first asked for. */
  of(kind: KindDefinition): JsonSchema;
  /** The schema of the metadata that they all have, made likewise. */
  objectMeta(): JsonSchema;
  /** How the fields of a kind's objects are merged, made likewise. */
  fieldType(kind: KindDefinition): FieldType;
  /** An object without what its kind does not know. */
  prune(kind: KindDefinition, value: unknown): ReturnType<typeof pruneUnknown>;
}

export function createKindSchemas(): KindSchemas {
  const made = new Map<KindDefinition, JsonSchema>();
  let madeMeta: JsonSchema | undefined;
  const fieldTypeOf = createFieldTypes();
  const forms = new Map<z.core.$ZodType, Form>();
  const keptFormOf = (schema: z.core.$ZodType): Form => {
    const form = forms.get(schema) ?? formOf(schema);
    forms.set(schema, form);
    return form;
  };
  return {
    prune: ({ schema }, value) => pruneUnknown(keptFormOf, schema, value),
    fieldType: ({ schema }) => fieldTypeOf(schema),
    of(kind) {
      const schema = made.get(kind) ?? compileSchema(kind.schema, isBuiltIn(kind));
      made.set(kind, schema);
      return schema;
    },
    objectMeta() {
      madeMeta ??= compileSchema(objectMeta, true);
      // It may be given as the beginning of one.
      delete madeMeta.required;
      return madeMeta;
    },
  };
}

/** @param isPatched whether its objects take strategic merge patches */
function compileSchema(zodSchema: z.ZodType, isPatched: boolean): JsonSchema {
  const compiled = z.toJSONSchema(zodSchema, {
    target: 'openapi-3.0',
    io: 'input',
    unrepresentable: 'any',
  });
  const schema = compiled as JsonSchema;
  tidy(schema);
  if (isPatched) describePatches(schema);
  return schema;
}

/** Says how strategic merge patches merge lists, as `strategic-merge.ts` does: clients make patches by it. */
function describePatches(schema: JsonSchema): void {
  const { [LIST_TYPE]: relation, [LIST_MAP_KEYS]: keys } = schema;
  if (relation === 'map' || relation === 'set') schema[PATCH_STRATEGY] = 'merge';
  if (relation === 'map' && Array.isArray(keys)) schema[PATCH_MERGE_KEY] = String(keys[0]);
  for (const member of membersOf(schema)) describePatches(member);
}

const PATCH_STRATEGY = 'x-kubernetes-patch-strategy';
const PATCH_MERGE_KEY = 'x-kubernetes-patch-merge-key';

/** Says a thing as Kubernetes' own documents do, so that `kubectl explain` shows a type that means something. */
function tidy(schema: JsonSchema): void {
  // The form says all that the pages of regular expression behind it do.
  if (schema.format === 'date-time') delete schema.pattern;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  // Words of which some mean something else than others.
  if (schema.anyOf?.every((option) => option.type === 'string' && option.enum !== undefined) === true) {
    Object.assign(schema, { type: 'string', enum: schema.anyOf.flatMap((option) => option.enum ?? []) });
    delete schema.anyOf;
  }
  // A quantity: text, or a number that is short for it.
  if (
    schema.anyOf?.length === 2 &&
    schema.anyOf.every(({ type }) => type === 'string' || type === 'number')
  ) {
    delete schema.anyOf;
    Object.assign(schema, { type: 'string', 'x-kubernetes-int-or-string': true });
  }
  // Unknown fields are refused by the hub, with reasons; a client that did it first would have none.
  if (schema.additionalProperties === false) delete schema.additionalProperties;
  describeTables(schema);
  for (const member of membersOf(schema)) tidy(member);
}

/** Turns the marks of the three tables (see `fields` in shared/model/schema.ts) into descriptions. */
function describeTables(schema: JsonSchema): void {
  const { meaningless, refused } = schema;
  delete schema.meaningless;
  delete schema.refused;
  if (meaningless !== undefined) {
    const effect = `Accepted, without effect: ${meaningless}.`;
    schema.description = schema.description === undefined ? effect : `${schema.description}. ${effect}`;
  }
  if (refused === undefined) return;
  const allOf = [{ $ref: `#/components/schemas/${NOT_SUPPORTED_COMPONENT}` }];
  const notSupported = Object.entries(refused).map(([name, why]): [string, JsonSchema] => [
    name,
    { description: `Not supported: ${why}.`, allOf },
  ]);
  schema.properties = { ...schema.properties, ...Object.fromEntries(notSupported) };
}

function membersOf({
  properties,
  additionalProperties,
  items,
  anyOf,
  oneOf,
  allOf,
}: JsonSchema): JsonSchema[] {
  const values = typeof additionalProperties === 'object' ? [additionalProperties] : [];
  const elements = items === undefined ? [] : [items];
  const options = [...(anyOf ?? []), ...(oneOf ?? []), ...(allOf ?? [])];
  return [...Object.values(properties ?? {}), ...values, ...elements, ...options];
}
