import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '../../shared/host/files.ts';
import type { Clock } from '../../shared/ports.ts';
import { CONSOLE_LOG, CONSOLE_TIMES } from '../machine/files.ts';
import { readFrom, trimLog } from './log-file.ts';

/** By `atMs` of the wall clock `bytes` of the log had been written. */
interface Mark {
  readonly bytes: number;
  readonly atMs: number;
}

/** Beyond that the older half of the marks is thinned out. */
const MOST_MARKS = 4_000;

/**
 * What a guest wrote to its serial console. The file says nothing of when, so that is written down beside it as it is
 * seen to grow: a line `BYTES MILLISECONDS` for each time.
 */
export interface ConsoleLog {
  /** Notes how much there is by now, and cuts a log that is too long. */
  look(): void;
  /** Undefined where there is no log. */
  size(): number | undefined;
  /** At most `mostBytes` from a place on. */
  read(from: number, mostBytes: number): Buffer;
  /** How many bytes have been cut off its beginning since this was made: places move by as much. */
  cutBytes(): number;
  marks(): readonly Mark[];
}

export function createConsoleLog(folder: string, clock: Clock): ConsoleLog {
  const [path, timesPath] = [join(folder, CONSOLE_LOG), join(folder, CONSOLE_TIMES)];
  let marks: Mark[] | undefined;
  let cut = 0;

  const size = () => statSync(path, { throwIfNoEntry: false })?.size;

  const rewrite = (next: Mark[]) => {
    marks = next;
    writeFileDurably(timesPath, next.map(formatMark).join(''));
  };

  return {
    look() {
      const bytes = size();
      if (bytes === undefined) return;
      marks ??= readMarks(timesPath);
      const last = marks.at(-1)?.bytes ?? 0;
      // Cut without that having been noted: nothing is known of what is left but that it is old.
      if (bytes < last) rewrite([{ bytes, atMs: clock.now() }]);
      else if (bytes > last) {
        const mark = { bytes, atMs: clock.now() };
        marks.push(mark);
        appendFileSync(timesPath, formatMark(mark));
      }
      const removed = trimLog(path, bytes);
      if (removed > 0) {
        cut += removed;
        rewrite(marks.flatMap((mark) => (mark.bytes > removed ? [moveMark(mark, removed)] : [])));
      } else if (marks.length > MOST_MARKS) {
        const half = marks.length / 2;
        rewrite(marks.filter((_, index) => index > half || index % 2 === 0));
      }
    },
    size,
    read: (from, mostBytes) => readFrom(path, from, mostBytes),
    cutBytes: () => cut,
    marks: () => (marks ??= readMarks(timesPath)),
  };
}

function moveMark({ bytes, atMs }: Mark, removed: number): Mark {
  return { bytes: bytes - removed, atMs };
}

function formatMark({ bytes, atMs }: Mark): string {
  return `${bytes} ${Math.round(atMs)}\n`;
}

/** What a cut-off write left of a line is passed over. */
function readMarks(path: string): Mark[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  return [...text.matchAll(/^(\d+) (\d+)\n/gm)].map(([, bytes, atMs]) => ({
    bytes: Number(bytes),
    atMs: Number(atMs),
  }));
}
