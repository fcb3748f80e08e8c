import type { Log } from '../../shared/ports.ts';

export interface LogRecorder extends Log {
  /** What was said, as `level: sentence {fields}`. */
  readonly lines: readonly string[];
}

/** A log that keeps what it is told, for tests to look at. */
export function createLogRecorder(): LogRecorder {
  const lines: string[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push(`${level}: ${message} ${JSON.stringify(fields)}`);
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
