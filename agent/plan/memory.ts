import type { MachineStatus } from '../../shared/model/machine.ts';
import type { RunStrategy } from '../../shared/model/virtual-machine.ts';

/** How a run ended: by the guest's own shutdown, by a failure, or by our stopping it. */
export type RunEnd = 'shutdown' | 'failed' | 'stopped';

/** Times are by the box's monotonic clock, in milliseconds, within the boot that `MachineMemory.bootId` names. */

/** One start of a machine. It is remembered before it is made, so that a start is never made twice. */
export interface RunMemory {
  /** From 1, rising. */
  readonly number: number;
  /** When the guest was first seen running. */
  readonly runningSinceMs?: number;
  readonly ended?: {
    readonly atMs: number;
    readonly how: RunEnd;
    readonly detail: string;
    /** It was ended to be started again. */
    readonly again?: boolean;
    /** Why the box would not start it, as a CamelCase word, where nothing failed. */
    readonly refused?: string;
  };
}

/** A stop under way. */
export interface StopMemory {
  readonly sinceMs: number;
  readonly presses: number;
  readonly quitSent: boolean;
  /** The machine is wanted again: nothing more is done to it, but should its guest go down, it was our doing. */
  readonly cancelled: boolean;
}

/**
 * A reboot by the power button, for a guest without an agent: once it has shut down it is booted again, in the same
 * run. Not yet pressed where there is no time.
 */
export interface SoftReboot {
  readonly sinceMs?: number;
  /** The guest is down, and is being booted again. */
  readonly down?: boolean;
}

/**
 * An order given on the box. It holds until the opposite order, or until the hub releases it. Its time is for people,
 * so it is by the wall clock.
 */
export interface Override {
  readonly verb: 'start' | 'stop';
  readonly atMs: number;
  readonly reason: string;
  /** The user of the box who gave it, as far as that is known. */
  readonly by?: string;
}

export interface FailedChange {
  readonly what: string;
  readonly why: string;
  /** None where the box has no room for it: that is not tried. */
  readonly tries: number;
  readonly againAtMs: number;
}

/** What the planner remembers of a machine between ticks; stored, so that it outlives the agent. */
export interface MachineMemory {
  readonly run?: RunMemory;
  /** The boot of the box that the times are of. */
  readonly bootId?: string;
  /** Disks that are kept and have been seen: one that is gone is not made anew. */
  readonly disks?: readonly string[];
  /** Images whose server was asked whether they have changed, by `sourceKey`. */
  readonly askedImages?: readonly string[];
  /** Runs in a row that ended too soon, and when the next may begin. */
  readonly failures: number;
  readonly nextStartAtMs?: number;
  /** What of the box's own the newest start found not to be there: it is begun again until it is. */
  readonly awaited?: { readonly reason: string; readonly message: string };
  readonly stop?: StopMemory;
  readonly override?: Override;
  /** A restart was asked for, on the box or by the hub, and its stop is not done. */
  readonly restarting?: boolean;
  /** The generation of the description that the machine was last restarted for by itself. */
  readonly restartedFor?: number;
  /** A stop was asked for at the hub that its run strategy does not say, and it is not done. */
  readonly stopping?: boolean;
  /** The guest is shut down because its box does. */
  readonly leaving?: boolean;
  /** What the guest may take to shut down this time, in place of what its description says. */
  readonly graceMs?: number;
  /** The run fails and is being ended: why. */
  readonly failing?: string;
  /** What the readiness probe has found in that run. */
  readonly ready?: { readonly run: number; readonly ok: boolean; readonly detail: string };
  /** The guest is held until someone lets it go on, or the run ends. */
  readonly paused?: boolean;
  /** The guest is to be let go on, and does not yet. */
  readonly unpausing?: boolean;
  /** The next run begins held. */
  readonly startPaused?: boolean;
  readonly softReboot?: SoftReboot;
  /** The guest is to be reset, once. */
  readonly resetting?: boolean;
  /** The run strategy last planned for. */
  readonly runStrategy?: RunStrategy;
  /** When a guest whose file systems were frozen is thawed, should nobody have done so before. */
  readonly thawAtMs?: number;
  /** When a guest held by an I/O error was last let go on. */
  readonly resumedAtMs?: number;
  /** The changes of the running machine that were tried and could not be made. */
  readonly failedChanges?: readonly FailedChange[];
  /** When the growth of a disk was last tried. */
  readonly growthTriedAtMs?: number;
  /** The status last reported. */
  readonly reported?: MachineStatus;
}

export const EMPTY_MEMORY: MachineMemory = { failures: 0 };

/** What is of one run only. */
export const OF_A_RUN = [
  'stop',
  'stopping',
  'leaving',
  'restarting',
  'graceMs',
  'failing',
  'paused',
  'unpausing',
  'softReboot',
  'resetting',
  'resumedAtMs',
  'thawAtMs',
  'failedChanges',
  'growthTriedAtMs',
  'ready',
] as const satisfies readonly (keyof MachineMemory)[];

/** A copy of `memory` without some of its members. */
export function forget(memory: MachineMemory, ...members: (keyof MachineMemory)[]): MachineMemory {
  const copy: Record<string, unknown> = { ...memory };
  for (const member of members) delete copy[member];
  return copy as unknown as MachineMemory;
}
