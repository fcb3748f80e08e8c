import type { z } from 'zod';
import { NOT_SUPPORTED } from './schema.ts';

/** Why one field was refused, in the words of Kubernetes' `StatusCause`. */
export interface FieldCause {
  /** `spec.template.spec.volumes[0].name`; empty for the value as a whole. */
  readonly field: string;
  readonly reason:
    | 'FieldValueInvalid'
    | 'FieldValueRequired'
    | 'FieldValueForbidden'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate';
  readonly message: string;
}

export type Validated<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly causes: readonly FieldCause[] };

/** Checks unknown input against a schema; all that is wrong is reported at once, each with its field's path. */
export function validate<T>(schema: z.ZodType<T>, input: unknown): Validated<T> {
  const result = schema.safeParse(input);
  return result.success
    ? { ok: true, value: result.data }
    : { ok: false, causes: result.error.issues.flatMap((issue) => causesOf(issue)) };
}

/** `field: message; field: message`, for a log line or a condition. */
export function formatCauses(causes: readonly FieldCause[]): string {
  return causes.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; ');
}

function causesOf(issue: z.core.$ZodIssue): FieldCause[] {
  const field = formatPath(issue.path);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const messages = issue.message.split('\n');
      return issue.keys.map((key, index) => {
        const message = messages[index] ?? 'unknown field';
        const reason = message.startsWith(NOT_SUPPORTED) ? 'FieldValueNotSupported' : 'FieldValueForbidden';
        return { field: formatPath([...issue.path, key]), reason, message };
      });
    }
    case 'invalid_key':
      // Why the key is wrong is one level down.
      return issue.issues.map(({ message }) => ({ field, reason: 'FieldValueInvalid', message }));
    case 'invalid_type':
    case 'invalid_union':
      return issue.message.endsWith('received undefined')
        ? [{ field, reason: 'FieldValueRequired', message: 'is required' }]
        : [{ field, reason: 'FieldValueInvalid', message: issue.message.replace('Invalid input: ', '') }];
    case 'custom':
      return [{ field, reason: reasonOf(issue.params), message: issue.message }];
    default:
      return [{ field, reason: 'FieldValueInvalid', message: issue.message.replace('Invalid input: ', '') }];
  }
}

function reasonOf(params: Record<string, unknown> | undefined): FieldCause['reason'] {
  switch (params?.['reason']) {
    case 'FieldValueRequired':
    case 'FieldValueForbidden':
    case 'FieldValueNotSupported':
    case 'FieldValueDuplicate':
      return params['reason'];
    default:
      return 'FieldValueInvalid';
  }
}

/** A path as Kubernetes writes it: `spec.volumes[2].name`, `metadata.labels[a.b/c]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(String(step)))
      text += text === '' ? String(step) : `.${String(step)}`;
    else text += `[${String(step)}]`;
  }
  return text;
}
