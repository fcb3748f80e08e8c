import type { Clock } from '../ports.ts';

/** The outcome of `work`, or, where that takes longer than `delayMs`, what `late` says: its error is thrown. */
export async function withDeadline<T>(
  clock: Clock,
  delayMs: number,
  work: Promise<T>,
  late: () => Error,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = clock.after(delayMs, () => reject(late()));
    work.finally(cancel).then(resolve, reject);
  });
}

export async function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.after(delayMs, resolve));
}
