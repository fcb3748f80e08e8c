import { startTicksOf } from '../tools/processes.ts';

const LOOK_EVERY_MS = 100;

export interface ProcessWatch {
  /** Every QEMU that a machine was seen with, as `pid since ticks`. */
  seen(uid: string): string[];
  /** Machines that were seen with two QEMUs at once. */
  doubled(): string[];
  stop(): void;
}

/** Looks at all QEMUs of a box over and over: one that comes in place of another can't be missed for long. */
export function watchProcesses(qemus: () => readonly { pid: number; uid: string }[]): ProcessWatch {
  const seen = new Map<string, Set<string>>();
  const doubled = new Set<string>();

  const timer = setInterval(() => {
    const now = new Set<string>();
    for (const { uid, pid } of qemus()) {
      const process = identify(pid);
      if (process === undefined) continue;
      if (now.has(uid)) doubled.add(uid);
      now.add(uid);
      seen.set(uid, (seen.get(uid) ?? new Set()).add(process));
    }
  }, LOOK_EVERY_MS);

  return {
    seen: (uid) => [...(seen.get(uid) ?? [])],
    doubled: () => [...doubled],
    stop: () => clearInterval(timer),
  };
}

/** Undefined where it is over: one that was killed is there until its parent has seen it. */
function identify(pid: number): string | undefined {
  try {
    return `${pid} since ${startTicksOf(pid)}`;
  } catch {
    return undefined;
  }
}
