import { EffectError, codeOf, messageOf } from '../../shared/base/errors.ts';

/** What QEMU and its tools say of the failures that an operator can do something about. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/No space left on device|Disk quota exceeded/i, 'DiskFull'],
  [/Could not set up host forwarding rule/i, 'PortInUse'],
  [/Failed to (get|lock)|another process using the image/i, 'DiskLocked'],
  [/Cannot allocate memory|cannot set up guest memory/i, 'OutOfMemory'],
  [/could not (load|open) kernel|error reading initrd|invalid kernel header/i, 'KernelUnusable'],
  [/KVM/, 'KvmUnusable'],
];

const ERRNO_CODES: ReadonlyMap<string, string> = new Map([
  ['ENOSPC', 'DiskFull'],
  ['EDQUOT', 'DiskFull'],
  ['EROFS', 'DiskReadOnly'],
  ['EIO', 'DiskFailed'],
]);

/** An EffectError of the code that `words` stand for, or of `otherwise`. */
export function failureOf(words: string, subject: string, otherwise: string, cause?: unknown): EffectError {
  const code = KNOWN.find(([pattern]) => pattern.test(words))?.[1] ?? otherwise;
  return new EffectError(code, subject, words, cause);
}

/** Anything thrown as an EffectError; one stays what it is. */
export function asFailure(thrown: unknown, subject: string, otherwise: string): EffectError {
  if (thrown instanceof EffectError) return thrown;
  const code = ERRNO_CODES.get(codeOf(thrown) ?? '');
  if (code !== undefined) return new EffectError(code, subject, messageOf(thrown), thrown);
  return failureOf(messageOf(thrown), subject, otherwise, thrown);
}
