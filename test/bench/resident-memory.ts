import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './figure.ts';

/**
 * A window of more than two minutes: an idle Node keeps what its start has left for about a hundred seconds, and
 * looks settled meanwhile.
 */
const WINDOW_SAMPLES = 16;
const SAMPLE_EVERY_MS = 10_000;
/** Samples of a window that differ by no more than this part of the memory count as no change. */
const SETTLED_SPREAD = 0.03;
const LIMIT_MS = 600_000;

export interface ResidentMemory {
  /** `VmRSS` of proc(5): everything resident, shared pages too. */
  readonly totalBytes: number;
  /** `RssAnon`: heap and stacks, which no other process shares. */
  readonly privateBytes: number;
}

export function readResidentMemory(pid: number): ResidentMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytesOf = (field: string) => {
    const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    if (kibibytes === undefined) throw new Error(`/proc/${pid}/status has no ${field}`);
    return Number(kibibytes) * 1024;
  };
  return { totalBytes: bytesOf('VmRSS'), privateBytes: bytesOf('RssAnon') };
}

export interface WatchedMemory extends ResidentMemory {
  /** Of `totalBytes` over the window. */
  readonly lowestBytes: number;
  readonly highestBytes: number;
  /** Whether it had stopped changing when the time was up. */
  readonly settled: boolean;
}

/** The memory of processes once that of none changes any more, or the time is up: medians over the window. */
export async function watchMemory(pids: readonly number[]): Promise<WatchedMemory[]> {
  const untilMs = Date.now() + LIMIT_MS;
  const windows = pids.map((pid) => [readResidentMemory(pid)]);
  while (Date.now() < untilMs && !windows.every((window) => summarize(window).settled)) {
    await sleep(SAMPLE_EVERY_MS);
    for (const [index, pid] of pids.entries()) {
      const window = windows[index];
      window?.push(readResidentMemory(pid));
      if ((window?.length ?? 0) > WINDOW_SAMPLES) window?.shift();
    }
  }
  return windows.map(summarize);
}

function summarize(window: readonly ResidentMemory[]): WatchedMemory {
  const totals = window.map(({ totalBytes }) => totalBytes);
  const [lowestBytes, highestBytes] = [Math.min(...totals), Math.max(...totals)];
  return {
    totalBytes: median(totals),
    privateBytes: median(window.map(({ privateBytes }) => privateBytes)),
    lowestBytes,
    highestBytes,
    settled: window.length === WINDOW_SAMPLES && highestBytes - lowestBytes <= SETTLED_SPREAD * highestBytes,
  };
}
