import type { Log } from '../../shared/ports.ts';
import type { Scheduler } from './scheduler.ts';

/** A log into the trace, for showing a failure; otherwise nothing is written, which is a good part of the speed. */
export function createSimLog(scheduler: Scheduler, subject: string, isShown: boolean): Log {
  const write = (level: string) => (fields: object, message: string) => {
    if (isShown) scheduler.note(subject, `${level} ${message} ${JSON.stringify(fields)}`);
  };
  return { debug: () => {}, info: write('info'), warn: write('warn'), error: write('error') };
}
