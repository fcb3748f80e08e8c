import { z } from 'zod';

/** What of a log line the figures look at; `time` is in milliseconds since 1970. */
const line = z.object({ time: z.number(), msg: z.string(), reason: z.string().optional() });
export type LogLine = z.infer<typeof line>;

/** The lines of a log of JSON lines; one that is just being written is left out. */
export function parseLog(text: string): LogLine[] {
  return text.split('\n').flatMap((each) => {
    try {
      return [line.parse(JSON.parse(each))];
    } catch {
      return [];
    }
  });
}
