import pino from 'pino';
import type { LogLevel } from '../config/settings.ts';
import type { Log } from '../ports.ts';

/** A log that writes JSON lines to standard error, so that standard output stays free for results. */
export function createLog(level: LogLevel, name: string): Log {
  return pino({ level, name, base: { name } }, pino.destination({ dest: 2, sync: true }));
}
