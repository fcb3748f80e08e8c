import type { MachineStatus } from '../../shared/model/machine.ts';
import type { RunStrategy } from '../../shared/model/virtual-machine.ts';

/** How a run ended: by the guest's own shutdown, by a failure of it, or by our stopping it. */
export type RunEnd = 'shutdown' | 'failed' | 'stopped';

/** What the planner remembers of a machine between ticks; stored, so that it outlives the agent. */
export interface MachineMemory {
  /** The newest run: decided on before it is started. */
  readonly run?: {
    readonly number: number;
    readonly decidedAtMs: number;
    readonly runningSinceMs?: number;
    readonly ended?: { readonly atMs: number; readonly how: RunEnd; readonly detail: string };
  };
  /** Runs in a row that failed before or soon after Running, and when the next may begin. */
  readonly failures: number;
  readonly nextStartAtMs?: number;
  /** A stop under way. */
  readonly stop?: {
    readonly sinceMs: number;
    readonly presses: number;
    readonly quitSent: boolean;
    readonly killSent: boolean;
  };
  /** An order given on the box. */
  readonly override?: { readonly verb: 'start' | 'stop'; readonly atMs: number; readonly reason: string };
  readonly restartAskedAtMs?: number;
  /** The run strategy last planned for: an order on the box ends when the hub's changes. */
  readonly runStrategy?: RunStrategy;
  /** Since when the guest is held by an I/O error, and when it was last let go on. */
  readonly resumedAtMs?: number;
  /** The status last reported. */
  readonly reported?: MachineStatus;
}

export const EMPTY_MEMORY: MachineMemory = { failures: 0 };
