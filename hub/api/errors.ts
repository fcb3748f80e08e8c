import { codeOf, messageOf } from '../../shared/base/errors.ts';
import type { KindDefinition } from '../../shared/model/kind.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import type { Log } from '../../shared/ports.ts';

/** Every answer that is not the one asked for, as Kubernetes' meta/v1 `Status`. Reasons and codes are its own. */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: { readonly continue?: string };
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code: number;
}

interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly { readonly field?: string; readonly reason: string; readonly message: string }[];
  readonly retryAfterSeconds?: number;
}

interface ErrorExtras {
  /** What helps a person beside the message, whose words clients know. */
  readonly warnings?: readonly string[];
  readonly metadata?: Status['metadata'];
}

/** A refusal on its way to the client. */
export class ApiError extends Error {
  readonly status: Status;
  readonly warnings: string[];

  constructor(
    code: number,
    reason: string,
    message: string,
    details?: StatusDetails,
    { warnings = [], metadata = {} }: ErrorExtras = {},
  ) {
    super(message);
    this.name = 'ApiError';
    this.status = { ...failure(code, reason, message, details), metadata };
    this.warnings = [...warnings];
  }
}

/** Does something of which a refusal, too, is to be told with these warnings. */
export async function warningToo<T>(warnings: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApiError) error.warnings.unshift(...warnings);
    throw error;
  }
}

/** The `Status` of anything thrown while serving. What is not a refusal is logged, and told without its insides. */
export function statusOf(thrown: unknown, log: Log): Status {
  if (thrown instanceof ApiError) return thrown.status;
  const code = codeOf(thrown);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return failure(413, 'RequestEntityTooLarge', 'the body of the request is larger than 3 MiB');
  }
  if (code === 'ECONNRESET') return failure(400, 'BadRequest', 'the request was broken off');
  if (isClientError(thrown)) return failure(400, 'BadRequest', messageOf(thrown));
  log.error({ err: thrown }, 'serving a request failed');
  return failure(500, 'InternalError', "the hub failed on this request; the hub's log says why");
}

/** Whether the HTTP server refused a request before it came to us. */
function isClientError(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || !('statusCode' in thrown)) return false;
  return typeof thrown.statusCode === 'number' && thrown.statusCode >= 400 && thrown.statusCode < 500;
}

/** @param details its group is empty in the core group, and then left out */
export function success({ group = '', ...rest }: StatusDetails): Status {
  const details = { ...rest, ...(group !== '' && { group }) };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details, code: 200 };
}

function failure(code: number, reason: string, message: string, details?: StatusDetails): Status {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' } as const;
  return { ...status, message, reason, ...(details !== undefined && { details }), code };
}

export function badRequest(message: string, warnings: readonly string[] = []): ApiError {
  return new ApiError(400, 'BadRequest', message, undefined, { warnings });
}

/** Of a path that leads nowhere. */
export function pathNotFound(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function notFound(kind: KindDefinition, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${resourceOf(kind)} "${name}" not found`, detailsOf(kind, name));
}

export function alreadyExists(kind: KindDefinition, name: string): ApiError {
  const message = `${resourceOf(kind)} "${name}" already exists`;
  return new ApiError(409, 'AlreadyExists', message, detailsOf(kind, name));
}

export function conflict(kind: KindDefinition, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${resourceOf(kind)} "${name}": ${why}`;
  return new ApiError(409, 'Conflict', message, detailsOf(kind, name));
}

export function forbidden(kind: KindDefinition, name: string, why: string): ApiError {
  const message = `${resourceOf(kind)} "${name}" is forbidden: ${why}`;
  return new ApiError(403, 'Forbidden', message, detailsOf(kind, name));
}

/** Of something that can't be reached now. */
export function unavailable(kind: KindDefinition, name: string, why: string): ApiError {
  const message = `${resourceOf(kind)} "${name}" can't be asked: ${why}`;
  return new ApiError(503, 'ServiceUnavailable', message, detailsOf(kind, name));
}

/** Of something that was asked and did not answer in time. */
export function timedOut(kind: KindDefinition, name: string, why: string): ApiError {
  const message = `${resourceOf(kind)} "${name}" did not answer: ${why}`;
  return new ApiError(504, 'Timeout', message, detailsOf(kind, name));
}

/** Clients wait so long and try again. */
export const RETRY_AFTER_SECONDS = 1;

export function tooManyRequests(message = 'too many requests, please try again later'): ApiError {
  const details = { retryAfterSeconds: RETRY_AFTER_SECONDS };
  return new ApiError(429, 'TooManyRequests', message, details);
}

/** Of a request that says nobody who is known. */
export function unauthorized(): ApiError {
  return new ApiError(401, 'Unauthorized', 'Unauthorized');
}

/** Of a verb that a kind does not have; `why` is the sentence that says what to do instead. */
export function verbNotAllowed(why: string): ApiError {
  return new ApiError(
    405,
    'MethodNotAllowed',
    `the server does not allow this method on the requested resource: ${why}`,
    {},
  );
}

export function methodNotAllowed(): ApiError {
  const message = 'the server does not allow this method on the requested resource';
  return new ApiError(405, 'MethodNotAllowed', message, {});
}

export function notAcceptable(offered: string): ApiError {
  return new ApiError(406, 'NotAcceptable', `only these media types can be answered with: ${offered}`);
}

export function unsupportedMediaType(message: string): ApiError {
  return new ApiError(415, 'UnsupportedMediaType', message);
}

/** Of a place in history that can't be gone back to: the client is to list again. */
export function expired(message: string): ApiError {
  return new ApiError(410, 'Expired', message);
}

/** Of a version of which the log no longer knows what has changed since; in apiserver's words. */
export function tooOldVersion(asked: number): ApiError {
  return expired(
    `The resourceVersion for the provided list is too old: ${asked}. Display the list without it to see the newest`,
  );
}

/** Of a version that a watch can't go on from: the client lists again. */
export function tooOldWatch(asked: number, newest: number): ApiError {
  return expired(`too old resource version: ${asked} (${newest})`);
}

/** The same of a list's further pages: `token` goes on in the newest state of affairs. */
export function tooOldContinue(token: string): ApiError {
  const message =
    'The provided continue parameter is too old to display a consistent list result. You can start a new list ' +
    'without the continue parameter, or use the continue token in this response to retrieve the remainder of the ' +
    'results. Continuing with the provided token results in an inconsistent list - objects that were created, ' +
    'modified, or deleted between the time the first chunk was returned and now may show up in the list.';
  return new ApiError(410, 'Expired', message, undefined, { metadata: { continue: token } });
}

/** Of a resource version that was never given out, in the form that client-go knows (`IsTooLargeResourceVersion`). */
export function tooLargeResourceVersion(asked: number, newest: number): ApiError {
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
  const message = `Too large resource version: ${asked}, current: ${newest}`;
  return new ApiError(504, 'Timeout', message, { causes, retryAfterSeconds: 1 });
}

const CAUSE_WORDS: Readonly<Record<FieldCause['reason'], string>> = {
  FieldValueInvalid: 'Invalid value',
  FieldValueRequired: 'Required value',
  FieldValueForbidden: 'Forbidden',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueDuplicate: 'Duplicate value',
};

/** Of what is no good by itself, as it stands. */
export function invalid(
  { group, kind }: Pick<KindDefinition, 'group' | 'kind'>,
  name: string,
  causes: readonly FieldCause[],
  warnings: readonly string[] = [],
): ApiError {
  const worded = causes.map((cause) => {
    return { ...cause, message: `${CAUSE_WORDS[cause.reason]}: ${cause.message}` };
  });
  const texts = worded.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`));
  const all = texts.length === 1 ? texts.join() : `[${texts.join(', ')}]`;
  const subject = group === '' ? kind : `${kind}.${group}`;
  const details = { name, ...(group !== '' && { group }), kind, causes: worded };
  return new ApiError(422, 'Invalid', `${subject} "${name}" is invalid: ${all}`, details, { warnings });
}

function resourceOf(kind: KindDefinition): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
}

function detailsOf(kind: KindDefinition, name: string): StatusDetails {
  return { name, ...(kind.group !== '' && { group: kind.group }), kind: kind.plural };
}
