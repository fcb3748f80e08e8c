import { codeOf, messageOf } from '../shared/base/errors.ts';
import type { Clock, Log } from '../shared/ports.ts';
import { forget } from './plan/memory.ts';
import type { PlannedEvent } from './plan/plan.ts';
import type { Machines, Store } from './ports.ts';

/** How soon it is tried again where a guest would not be thawed. */
const TRY_EVERY_MS = 30_000;

export interface ThawKeeper {
  start(): void;
  /**
   * Freezes a guest's file systems, and thaws them after that time, by this agent or by the next; 0 leaves them frozen.
   * @throws EffectError as `Machines.freezeGuest`
   */
  freeze(uid: string, thawAfterMs: number): Promise<void>;
  /** @throws EffectError as `Machines.freezeGuest` */
  thaw(uid: string): Promise<void>;
  stop(): void;
}

interface ThawKeeperOptions {
  readonly store: Store;
  readonly machines: Pick<Machines, 'freezeGuest' | 'thawGuest'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly bootId: string;
  readonly tell: (uid: string, event: PlannedEvent) => void;
}

/** Sees to it that no guest stays frozen because whoever froze it is gone (KubeVirt's `unfreezeTimeout`). */
export function createThawKeeper(options: ThawKeeperOptions): ThawKeeper {
  const { store, machines, clock, log, bootId, tell } = options;
  let cancel = () => {};
  let stopped = false;

  const isDue = (atMs: number) => atMs <= clock.monotonic();

  function note(uid: string, thawAtMs: number | undefined): void {
    store.transaction(() => {
      const row = store.machines().find((one) => one.uid === uid);
      if (row === undefined) return;
      const memory = forget(row.memory, 'thawAtMs');
      store.putMachine({ ...row, memory: thawAtMs === undefined ? memory : { ...memory, thawAtMs } });
    });
  }

  /** Waits for the next that is due. */
  function wait(leastMs: number): void {
    cancel();
    if (stopped) return;
    const times = store
      .machines()
      // A guest of an earlier boot of the box is not the one that was frozen.
      .filter(({ memory }) => memory.bootId === bootId)
      .map(({ memory }) => memory.thawAtMs ?? Infinity);
    const nextMs = Math.min(...times) - clock.monotonic();
    if (nextMs < Infinity) cancel = clock.after(Math.max(nextMs, leastMs), () => void thawDue());
  }

  async function thawDue(): Promise<void> {
    let failed = false;
    for (const { uid } of store.machines().filter(({ memory }) => isDue(memory.thawAtMs ?? Infinity))) {
      try {
        await machines.thawGuest(uid);
        note(uid, undefined);
        const message = 'the guest was frozen for as long as it was to be, and has been thawed';
        tell(uid, { type: 'Warning', reason: 'GuestThawed', message });
      } catch (error) {
        failed = true;
        log.warn({ machine: uid, error: messageOf(error) }, 'a guest that is frozen could not be thawed');
      }
    }
    wait(failed ? TRY_EVERY_MS : 0);
  }

  return {
    start: () => wait(0),
    async freeze(uid, thawAfterMs) {
      // Before it is done, so that an agent that ends in between thaws it.
      note(uid, thawAfterMs === 0 ? undefined : clock.monotonic() + thawAfterMs);
      wait(0);
      await machines.freezeGuest(uid).catch((error: unknown) => {
        // Of any other failure it is not known whether the guest is frozen.
        if (codeOf(error) === 'GuestAgentRefused' || codeOf(error) === 'NotRunning') note(uid, undefined);
        throw error;
      });
    },
    async thaw(uid) {
      await machines.thawGuest(uid);
      note(uid, undefined);
      wait(0);
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}
