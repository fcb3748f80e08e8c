import { hashWords } from './seeded-random.ts';

/** Virtual time: a queue of what is to happen when. Nothing else in a simulated world waits for anything. */
export interface Scheduler {
  /** Milliseconds since the world began. */
  readonly nowMs: () => number;
  /** Has `run` called at that time; the label goes into the trace's hash. The result cancels it. */
  at(atMs: number, label: string, run: () => void): () => void;
  /** Lets time pass. What each event sets off has had its turn before the next one. */
  runUntil(untilMs: number): Promise<void>;
  /** Ends `runUntil` early: there is no use in going on. */
  stop(): void;
  /** Writes a line of the trace, for people. */
  note(subject: string, text: string): void;
  /** Takes a text into the trace's hash. */
  mix(text: string): void;
  readonly trace: readonly TraceLine[];
  /** A hash of every event so far, and of what was mixed in. */
  traceHash(): string;
  /** How many events there were. */
  events(): number;
}

export interface TraceLine {
  readonly atMs: number;
  readonly subject: string;
  readonly text: string;
}

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly label: string;
  run: (() => void) | undefined;
}

export function createScheduler(): Scheduler {
  const heap: Entry[] = [];
  const trace: TraceLine[] = [];
  let nowMs = 0;
  let order = 0;
  let hash = 0;
  let stopped = false;
  let events = 0;

  const mix = (text: string) => {
    hash = hashWords(text, hash ^ Math.floor(nowMs * 16));
  };

  return {
    nowMs: () => nowMs,
    at(atMs, label, run) {
      const entry: Entry = { atMs: Math.max(atMs, nowMs), order: order++, label, run };
      push(heap, entry);
      return () => {
        entry.run = undefined;
      };
    },
    async runUntil(untilMs) {
      while (!stopped) {
        const [next] = heap;
        if (next === undefined || next.atMs > untilMs) break;
        pop(heap);
        if (next.run === undefined) continue;
        nowMs = next.atMs;
        events += 1;
        mix(next.label);
        next.run();
        await drainMicrotasks();
      }
      if (!stopped) nowMs = Math.max(nowMs, untilMs);
    },
    stop() {
      stopped = true;
    },
    note(subject, text) {
      trace.push({ atMs: nowMs, subject, text });
    },
    mix,
    trace,
    traceHash: () => hash.toString(16).padStart(8, '0'),
    events: () => events,
  };
}

/** Immediates run when no promise has anything left to do: nothing in a simulated world waits for the real one. */
async function drainMicrotasks(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

const isBefore = (a: Entry, b: Entry) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

function push(heap: Entry[], entry: Entry): void {
  let index = heap.push(entry) - 1;
  while (index > 0) {
    const parentIndex = (index - 1) >> 1;
    const parent = heap[parentIndex];
    if (parent === undefined || !isBefore(entry, parent)) break;
    heap[index] = parent;
    index = parentIndex;
  }
  heap[index] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let childIndex = 2 * index + 1;
    let child = heap[childIndex];
    if (child === undefined) break;
    const right = heap[childIndex + 1];
    if (right !== undefined && isBefore(right, child)) {
      childIndex += 1;
      child = right;
    }
    if (!isBefore(child, last)) break;
    heap[index] = child;
    index = childIndex;
  }
  heap[index] = last;
}
