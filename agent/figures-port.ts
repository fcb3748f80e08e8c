import type { GuestDetails, GuestUsage } from './guest.ts';
import type { RunState } from './ports.ts';

/** What a machine's process has used and done since it was started. */
export interface MachineFigures {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly runState: RunState;
  readonly memory: {
    /** What the guest has, what of it is left to it by its balloon, and what the process takes of the box. */
    readonly guestBytes?: number;
    readonly balloonBytes?: number;
    readonly residentBytes: number;
    /** As the guest says, where its balloon's driver does. */
    readonly guest?: {
      readonly totalBytes?: number;
      readonly freeBytes?: number;
      readonly availableBytes?: number;
      readonly cachedBytes?: number;
      readonly swapInBytes?: number;
      readonly swapOutBytes?: number;
      readonly majorFaults?: number;
      readonly minorFaults?: number;
    };
  };
  readonly cpu: { readonly userSeconds: number; readonly systemSeconds: number };
  readonly vcpus: readonly { readonly id: number; readonly seconds: number; readonly waitSeconds: number }[];
  /** By volume. */
  readonly disks: readonly {
    readonly name: string;
    readonly readBytes: number;
    readonly writtenBytes: number;
    readonly reads: number;
    readonly writes: number;
    readonly flushes: number;
    readonly readSeconds: number;
    readonly writeSeconds: number;
    readonly flushSeconds: number;
  }[];
  /** Of those on a bridge, seen from the guest: the box does not count user-mode networks. */
  readonly interfaces: readonly {
    readonly name: string;
    readonly received: Traffic;
    readonly transmitted: Traffic;
  }[];
  /** What the guest's agent says, where there is one. */
  readonly guest?: GuestDetails & GuestUsage;
}

export interface Traffic {
  readonly bytes: number;
  readonly packets: number;
  readonly errors: number;
  readonly dropped: number;
}
