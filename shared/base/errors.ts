/**
 * A failed effect on the world: `code` is a CamelCase reason fit for a condition, `subject` names what failed
 * (a file, a URL, a machine), the message is a sentence for an operator.
 */
export class EffectError extends Error {
  readonly code: string;
  readonly subject: string;

  constructor(code: string, subject: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'EffectError';
    this.code = code;
    this.subject = subject;
  }
}

/** The message of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of anything thrown (`ENOSPC`, `QmpTimeout`, …), or undefined. */
export function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
