import pino from 'pino';
import type { Log } from '../ports.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** A log that writes JSON lines to standard error, so that standard output stays free for results. */
export function createLog(level: (typeof LOG_LEVELS)[number], name: string): Log {
  return pino({ level, name, base: { name } }, pino.destination({ dest: 2, sync: true }));
}
