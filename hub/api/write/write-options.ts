import type { KindDefinition } from '../../../shared/model/kind.ts';
import { isBuiltIn } from '../../../shared/model/kind.ts';
import type { FieldCause } from '../../../shared/model/validate.ts';
import type { ApiRequest } from '../context.ts';
import { ApiError, invalid } from '../errors.ts';

/** What a write says of itself beside what it writes: meta/v1 `CreateOptions`, `UpdateOptions` and `PatchOptions`. */
export interface WriteOptions {
  readonly dryRun: boolean;
  readonly validation: Validation;
  /** Who writes, for `metadata.managedFields`. */
  readonly manager: string;
  /** Of an apply: whether fields of others are taken over. */
  readonly force: boolean;
}

/** What becomes of fields that are unknown or given twice: refused, or dropped with or without a warning. */
export type Validation = 'Strict' | 'Warn' | 'Ignore';

export type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions';

const VALIDATIONS: readonly string[] = ['Ignore', 'Warn', 'Strict'];
const LONGEST_MANAGER = 128;
export const APPLY = 'application/apply-patch+yaml';
export const STRATEGIC = 'application/strategic-merge-patch+json';

/** @throws ApiError 422, in the words of apimachinery's `meta/v1/validation` */
export function parseWriteOptions(
  { query, contentType, userAgent = '' }: ApiRequest,
  kind: OptionsKind,
): WriteOptions {
  const isApply = kind === 'PatchOptions' && contentType === APPLY;
  const dryRun = query.getAll('dryRun').filter((value) => value !== '');
  const validation = query.get('fieldValidation') ?? '';
  const manager = query.get('fieldManager') ?? '';
  const force = query.get('force') ?? '';
  const causes: FieldCause[] = [];
  const refuse = (field: string, reason: FieldCause['reason'], message: string) =>
    causes.push({ field, reason, message });

  if (isApply && manager === '') refuse('fieldManager', 'FieldValueRequired', 'is required for apply patch');
  if (Buffer.byteLength(manager) > LONGEST_MANAGER) {
    refuse('fieldManager', 'FieldValueInvalid', `may not be more than ${LONGEST_MANAGER} bytes`);
  }
  if (/[\p{C}\p{Zl}\p{Zp}]/u.test(manager)) {
    refuse('fieldManager', 'FieldValueInvalid', `"${manager}": should only contain printable characters`);
  }
  if (force !== '' && !isApply && kind === 'PatchOptions') {
    refuse('force', 'FieldValueForbidden', 'may not be specified for non-apply patch');
  }
  if (dryRun.some((value) => value !== 'All')) {
    const shown = JSON.stringify(dryRun);
    refuse('dryRun', 'FieldValueNotSupported', `${shown}: supported values: "All"`);
  }
  if (validation !== '' && !VALIDATIONS.includes(validation)) {
    const known = ['', ...VALIDATIONS].map((value) => `"${value}"`).join(', ');
    refuse('fieldValidation', 'FieldValueNotSupported', `"${validation}": supported values: ${known}`);
  }
  if (causes.length > 0) throw invalid({ group: 'meta.k8s.io', kind }, '', causes);
  return {
    dryRun: dryRun.length > 0,
    // As Kubernetes: a client that wants typing errors refused says so, as kubectl and Helm do.
    validation: (validation || 'Warn') as Validation,
    manager: manager || nameOfAgent(userAgent),
    force: force !== '' && force !== 'false' && force !== '0',
  };
}

/** `kubectl` of `kubectl/v1.35.0 (linux/amd64) …`. */
function nameOfAgent(userAgent: string): string {
  const [name = ''] = userAgent.split('/', 1);
  const printable = name.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '').slice(0, LONGEST_MANAGER);
  return printable || 'unknown';
}

/** The media types that patches of a kind have: strategic ones are for Kubernetes' own kinds, as upstream. */
export function patchTypesOf(kind: Pick<KindDefinition, 'group'>): string[] {
  const strategic = isBuiltIn(kind) ? [STRATEGIC] : [];
  return ['application/json-patch+json', 'application/merge-patch+json', ...strategic, APPLY];
}

/** @throws ApiError 415, which says what a patch may be */
export function unknownFormat(accepted: readonly string[]): ApiError {
  const types = accepted.join(', ');
  const message = `the body of the request was in an unknown format - accepted media types include: ${types}`;
  return new ApiError(415, 'UnsupportedMediaType', message);
}
