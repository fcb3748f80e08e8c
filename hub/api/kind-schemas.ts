import { z } from 'zod';
import type { KindDefinition } from '../../shared/model/kind.ts';

/** As much of OpenAPI 3.0's Schema Object as is looked at here. */
export interface JsonSchema {
  type?: string;
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  nullable?: boolean;
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  [keyword: string]: unknown;
}

export interface KindSchemas {
  /** The schema of a kind's objects as they are written, made when it is first asked for. */
  of(kind: KindDefinition): JsonSchema;
}

export function createKindSchemas(): KindSchemas {
  const made = new Map<KindDefinition, JsonSchema>();
  return {
    of(kind) {
      const schema = made.get(kind) ?? compileKindSchema(kind);
      made.set(kind, schema);
      return schema;
    },
  };
}

function compileKindSchema(kind: KindDefinition): JsonSchema {
  return z.toJSONSchema(kind.schema, {
    target: 'openapi-3.0',
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => tidy(jsonSchema as JsonSchema),
  }) as JsonSchema;
}

/** Says a thing as Kubernetes' own documents do, so that `kubectl explain` shows a type that means something. */
function tidy(schema: JsonSchema): void {
  // The form says all that the pages of regular expression behind it do.
  if (schema.format === 'date-time') delete schema.pattern;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  // A quantity: text, or a number that is short for it.
  if (
    schema.anyOf?.length === 2 &&
    schema.anyOf.every(({ type }) => type === 'string' || type === 'number')
  ) {
    delete schema.anyOf;
    Object.assign(schema, { type: 'string', 'x-kubernetes-int-or-string': true });
  }
}
