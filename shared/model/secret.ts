import { z } from 'zod';
import { countKeys, dataKey, refuseLarge } from './config-map.ts';
import type { KindDefinition, ResourceObject } from './kind.ts';
import { ageColumn, defineKind } from './kind.ts';
import { base64, fields } from './schema.ts';

/** Kubernetes' core/v1 `Secret`: what machines name and nobody else is to read. Its values never go into a log. */

/** What each type that Kubernetes knows must hold: all of these keys. */
const KEYS_OF_TYPE: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};
/** Those whose value is JSON. */
const JSON_KEYS = ['.dockerconfigjson', '.dockercfg'];
const BASIC_AUTH = 'kubernetes.io/basic-auth';

const content = fields({
  data: z.record(dataKey, base64).meta({ description: 'Values by their keys, in base64' }).nullish(),
  stringData: z
    .record(dataKey, z.string())
    .meta({ description: 'Values as they are, for writing only: they are put into data, over what is there' })
    .nullish(),
  type: z
    .string()
    .max(253)
    .meta({ description: 'What its keys mean; Opaque unless given, and never changed' })
    .optional(),
  immutable: z.boolean().meta({ description: 'Whether what it holds can never be changed' }).optional(),
});

export interface Secret extends ResourceObject {
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  type?: string;
  immutable?: boolean;
}

const kind = defineKind({
  group: '',
  versions: ['v1'],
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
  statusSubresource: false,
  columns: [
    { name: 'Type', type: 'string', jsonPath: '.type', description: 'What its keys mean' },
    {
      name: 'Data',
      type: 'integer',
      compute: ({ data }) => countKeys(data),
      description: 'How many keys it has',
    },
    ageColumn(),
  ],
  shape: content.shape,
  complete: completeSecret,
});

export const secretKind: KindDefinition = {
  ...kind,
  schema: kind.schema.superRefine((object, context) => {
    const { data, type = '' } = completeSecret(object) as Secret;
    const refuse = (key: string, message: string, reason = 'FieldValueRequired') =>
      context.addIssue({ code: 'custom', path: ['data', key], params: { reason }, message });
    for (const key of KEYS_OF_TYPE[type] ?? []) {
      const value = data?.[key];
      if (value === undefined) refuse(key, `is required in a secret of type ${type}`);
      else if (JSON_KEYS.includes(key) && !isJson(value)) refuse(key, 'must be JSON', 'FieldValueInvalid');
    }
    if (type === BASIC_AUTH && data?.['username'] === undefined && data?.['password'] === undefined) {
      refuse('username', `or password is required in a secret of type ${type}`);
    }
    refuseLarge({}, data ?? {}, (message) => context.addIssue({ code: 'custom', path: ['data'], message }));
  }),
};

/** A secret as it is stored: all in `data`, and with a type. */
function completeSecret(object: ResourceObject): ResourceObject {
  const { stringData, data, type, ...rest } = object as Secret;
  const encoded = Object.entries(stringData ?? {}).map(([key, text]) => {
    return [key, Buffer.from(text).toString('base64')] as const;
  });
  const all = { ...data, ...Object.fromEntries(encoded) };
  return { ...rest, type: type ?? 'Opaque', ...(Object.keys(all).length > 0 && { data: all }) };
}

function isJson(encoded: string): boolean {
  try {
    JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'));
    return true;
  } catch {
    return false;
  }
}
