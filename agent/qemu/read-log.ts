import { sleep } from '../../shared/base/deadline.ts';
import { formatTime } from '../../shared/base/time.ts';
import type { Clock } from '../../shared/ports.ts';
import type { StreamTarget } from '../../shared/protocol/streams.ts';
import type { ConsoleLog } from './console-log.ts';
import { LONGEST_LOG_BYTES } from './log-file.ts';

const CHUNK_BYTES = 64 * 1024;
/** How often it is looked for what is new. */
const FOLLOW_EVERY_MS = 500;
const NEWLINE = 0x0a;

type LogOptions = Omit<Extract<StreamTarget, { kind: 'log' }>, 'kind'>;

/**
 * What is asked for of a console's log, as it is, and what is written on while it is followed: until the signal, which
 * a guest that is silent would otherwise keep from being seen, or the log's removal.
 */
export async function* readLog(
  log: ConsoleLog,
  clock: Clock,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const stamp = options.timestamps ? createStamper(log, clock) : (bytes: Buffer) => bytes;
  // Counted from the beginning of all that there was when this began: what is cut off meanwhile moves every place.
  const cutBefore = log.cutBytes();
  const placeOf = (position: number) => Math.max(0, position - (log.cutBytes() - cutBefore));
  let position = findStart(log, clock, options);
  while (!signal.aborted) {
    const place = placeOf(position);
    const bytes = log.read(place, CHUNK_BYTES);
    if (bytes.length > 0) {
      position = place + (log.cutBytes() - cutBefore) + bytes.length;
      yield stamp(bytes, place);
    } else if (options.follow && log.size() !== undefined) await sleep(clock, FOLLOW_EVERY_MS);
    else return;
  }
}

/** The first byte that is asked for: the beginning of a line. */
function findStart(log: ConsoleLog, clock: Clock, { sinceSeconds, tailLines }: LogOptions): number {
  const size = log.size() ?? 0;
  const since = sinceSeconds === undefined ? 0 : findWrittenSince(log, clock.now() - sinceSeconds * 1_000);
  if (since === 0 && tailLines === undefined) return 0;
  // Logs are cut before they are much longer than that.
  const all = log.read(0, Math.min(size, 2 * LONGEST_LOG_BYTES));
  // A line that was begun before is given whole, where it was gone on with.
  const start = since === 0 || since >= all.length ? since : all.lastIndexOf(NEWLINE, since - 1) + 1;
  return tailLines === undefined ? start : Math.max(start, findLastLines(all, tailLines));
}

/** Where what may have been written after a time begins: all that was surely written before it is left out. */
function findWrittenSince(log: ConsoleLog, ms: number): number {
  const marks = log.marks();
  const later = marks.findIndex(({ atMs }) => atMs > ms);
  if (later === 0) return 0;
  return marks.at(later === -1 ? -1 : later - 1)?.bytes ?? 0;
}

function findLastLines(bytes: Buffer, lines: number): number {
  let at = bytes.at(-1) === NEWLINE ? bytes.length - 1 : bytes.length;
  if (lines === 0) return bytes.length;
  for (let count = 0; count < lines; count += 1) {
    if (at <= 0) return 0;
    at = bytes.lastIndexOf(NEWLINE, at - 1);
    if (at === -1) return 0;
  }
  return at + 1;
}

/** Puts the time by which it had been written before each line, as Kubernetes does. */
function createStamper(log: ConsoleLog, clock: Clock) {
  let isLineBegun = false;
  return (bytes: Buffer, place: number): Buffer => {
    const marks = log.marks();
    const parts: Buffer[] = [];
    for (let at = 0; at < bytes.length;) {
      const newline = bytes.indexOf(NEWLINE, at);
      const end = newline === -1 ? bytes.length : newline + 1;
      if (!isLineBegun) {
        const atMs = marks.find((mark) => mark.bytes >= place + end)?.atMs ?? clock.now();
        parts.push(Buffer.from(`${formatTime(atMs)} `));
      }
      parts.push(bytes.subarray(at, end));
      isLineBegun = newline === -1;
      at = end;
    }
    return Buffer.concat(parts);
  };
}
