import type { Clock, Log } from '../../shared/ports.ts';

/** How often one device can have the same thing logged of it. */
const QUIET_MS = 10_000;

/**
 * Warnings about what devices send. A device can send as much nonsense as its link takes: it must not fill the log, so
 * of one kind and one device one line is written at a time, with how many there were since.
 */
export function createComplaints(clock: Clock, log: Log) {
  const recent = new Map<string, { readonly atMs: number; count: number }>();
  return (device: string, message: string, fields: object = {}): void => {
    const key = `${device} ${message}`;
    const before = recent.get(key);
    if (before !== undefined && clock.monotonic() - before.atMs < QUIET_MS) {
      before.count += 1;
      return;
    }
    const more = before?.count ?? 0;
    recent.set(key, { atMs: clock.monotonic(), count: 0 });
    log.warn({ device, ...fields, ...(more > 0 && { more }) }, message);
  };
}
