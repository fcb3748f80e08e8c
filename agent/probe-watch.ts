import { messageOf } from '../shared/base/errors.ts';
import { isSameJson } from '../shared/base/same-json.ts';
import type { Clock } from '../shared/ports.ts';
import type { CompiledProbe, CompiledProbes } from './machine/probe.ts';
import type { ProbeOutlook } from './plan/probe.ts';
import { NO_TRIES, countTry, firstTryAtMs } from './plan/probe.ts';
import type { ProbeTarget, Probes } from './guest.ts';

/** A machine whose guest runs, with what is to be tried of it. */
export interface WatchedGuest {
  readonly uid: string;
  readonly run: number;
  /** By the monotonic clock. */
  readonly runningSinceMs: number;
  readonly probes: CompiledProbes;
  readonly target: ProbeTarget;
}

export interface ProbeWatch {
  /** Goes on, or begins, trying a guest that runs. */
  watch(guest: WatchedGuest): void;
  /** Tries a guest no more for now (it is held, or its run is over); what was found of its run is kept. */
  rest(uid: string): void;
  outlook(uid: string): ProbeOutlook | undefined;
  forget(uid: string): void;
  /** For good: a tick that is still under way begins nothing anew, which would keep the process from ending. */
  stop(): void;
}

interface Watched {
  guest: WatchedGuest;
  outlook: ProbeOutlook;
  trying: boolean;
  cancel: () => void;
}

/**
 * Tries guests by their probes, beside the loop: one try of a probe at a time, and only a change of what is found
 * wakes the loop. Counts are kept in memory, so that an agent that starts anew counts from zero: its own end is no
 * failure of a guest.
 */
export function createProbeWatch(probes: Probes, clock: Clock, changed: () => void): ProbeWatch {
  const watched = new Map<string, Watched>();
  let stopped = false;

  function learn(own: Watched, change: Partial<ProbeOutlook>): void {
    const next = { ...own.outlook, ...change };
    if (isSameJson(next, own.outlook)) return;
    own.outlook = next;
    changed();
  }

  /** Goes on trying until it is cancelled. */
  function repeat(
    own: Watched,
    probe: CompiledProbe,
    found: (ok: boolean, detail: string) => void,
  ): () => void {
    let count = NO_TRIES;
    let cancelled = false;
    const tryOnce = async () => {
      const outcome = await probes
        .run(probe.action, own.guest.target, probe.timeoutMs)
        .catch((error: unknown) => ({
          ok: false,
          detail: messageOf(error),
        }));
      // A guest that was held meanwhile, or is another run, says nothing by this.
      if (cancelled) return;
      const before = count.found;
      count = countTry(count, probe, outcome.ok);
      if (count.found !== undefined && count.found !== before) found(count.found, outcome.detail);
      schedule(probe.periodMs);
    };
    let cancelTimer = () => {};
    const schedule = (delayMs: number) => {
      cancelTimer = clock.after(delayMs, () => void tryOnce());
    };
    const nowMs = clock.monotonic();
    schedule(firstTryAtMs(own.guest.runningSinceMs, probe, nowMs) - nowMs);
    return () => {
      cancelled = true;
      cancelTimer();
    };
  }

  function begin(guest: WatchedGuest, outlook: ProbeOutlook): void {
    const own: Watched = { guest, outlook, trying: true, cancel: () => {} };
    const { readiness, liveness } = guest.probes;
    const cancels = [
      readiness && repeat(own, readiness, (ok, detail) => learn(own, { ready: { ok, detail } })),
      liveness &&
        repeat(own, liveness, (ok, detail) => {
          if (!ok) learn(own, { dead: detail });
        }),
    ];
    own.cancel = () => cancels.forEach((cancel) => cancel?.());
    watched.set(guest.uid, own);
  }

  return {
    watch(guest) {
      if (stopped) return;
      const own = watched.get(guest.uid);
      const isSame = own?.guest.run === guest.run;
      if (isSame && own.trying && isSameJson(own.guest.probes, guest.probes)) {
        own.guest = guest;
        return;
      }
      own?.cancel();
      const { readiness, liveness } = guest.probes;
      if (readiness === undefined && liveness === undefined) watched.delete(guest.uid);
      else begin(guest, isSame ? own.outlook : { run: guest.run });
    },
    rest(uid) {
      const own = watched.get(uid);
      if (own?.trying !== true) return;
      own.cancel();
      own.trying = false;
    },
    outlook: (uid) => watched.get(uid)?.outlook,
    forget(uid) {
      watched.get(uid)?.cancel();
      watched.delete(uid);
    },
    stop() {
      stopped = true;
      for (const { cancel } of watched.values()) cancel();
      watched.clear();
    },
  };
}
