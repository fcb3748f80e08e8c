import { z } from 'zod';
import type { KindDefinition, ResourceObject } from './kind.ts';
import { ageColumn, defineKind } from './kind.ts';
import { base64, fields } from './schema.ts';

/** Kubernetes' core/v1 `ConfigMap`: texts and files that machines name. */

/** The largest that one may be, keys and values together (Kubernetes' own bound). */
const LARGEST_BYTES = 1024 * 1024;

/** A key becomes a file's name. */
export const dataKey = z
  .string()
  .max(253)
  .regex(/^[-._a-zA-Z0-9]+$/, 'must be letters, digits, "-", "_" or "."')
  .refine((key) => !/^\.\.?$/.test(key) && !key.startsWith('..'), 'must not begin with ".."');

/** How many keys an object's maps have, for the column `Data`. */
export function countKeys(...maps: readonly unknown[]): number {
  return maps.reduce<number>((sum, map) => sum + Object.keys(map ?? {}).length, 0);
}

/** Refuses what is too large for one object; the values of `encoded` are base64. */
export function refuseLarge(
  plain: Readonly<Record<string, string>>,
  encoded: Readonly<Record<string, string>>,
  refuse: (message: string) => void,
): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(plain)) bytes += key.length + Buffer.byteLength(value);
  for (const [key, value] of Object.entries(encoded)) {
    bytes += key.length + Buffer.byteLength(value, 'base64');
  }
  if (bytes > LARGEST_BYTES) refuse(`must not be larger than ${LARGEST_BYTES} bytes, and is ${bytes}`);
}

const content = fields({
  data: z
    .record(dataKey, z.string())
    .meta({ description: 'Texts by their keys, which are the names of files where it becomes a volume' })
    .nullish(),
  binaryData: z
    .record(dataKey, base64)
    .meta({ description: 'The same for what is not text, in base64' })
    .nullish(),
  immutable: z.boolean().meta({ description: 'Whether what it holds can never be changed' }).optional(),
});

export interface ConfigMap extends ResourceObject {
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
  immutable?: boolean;
}

const kind = defineKind({
  group: '',
  versions: ['v1'],
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  namespaced: true,
  statusSubresource: false,
  columns: [
    {
      name: 'Data',
      type: 'integer',
      compute: ({ data, binaryData }) => countKeys(data, binaryData),
      description: 'How many keys it has',
    },
    ageColumn(),
  ],
  shape: content.shape,
});

export const configMapKind: KindDefinition = {
  ...kind,
  schema: kind.schema.superRefine((object, context) => {
    const { data, binaryData } = object as ConfigMap;
    for (const key of Object.keys(data ?? {}).filter((one) => Object.hasOwn(binaryData ?? {}, one))) {
      const params = { reason: 'FieldValueDuplicate' };
      context.addIssue({ code: 'custom', path: ['data', key], params, message: 'is in binaryData too' });
    }
    refuseLarge(data ?? {}, binaryData ?? {}, (message) =>
      context.addIssue({ code: 'custom', path: ['data'], message }),
    );
  }),
};
