import type {
  DesiredMachine,
  DesiredVolume,
  MachineIdentity,
  MachineState,
  MachineStatus,
  RemovedMachine,
} from '../../shared/model/machine.ts';
import type { Change } from '../machine/change.ts';
import type { GuestCredentials } from '../machine/credentials.ts';
import type { CompiledMachine, ImageSource } from '../machine/compile.ts';
import type { KeptContent } from '../machine/disk.ts';
import type { Equipment } from '../machine/equipment.ts';
import type { Accelerator, ObservedMachine } from '../ports.ts';
import type { ImageStatus, ReadyImage } from '../images-port.ts';
import type { MachineMemory } from './memory.ts';
import type { Running } from './plan-change.ts';
import type { ProbeOutlook } from './probe.ts';
import type { BoxMemory, Room } from './room.ts';

/** The planner's words: what it is told, and what it answers. */

export interface Box {
  readonly bootId: string;
  readonly equipment: Equipment;
  /** Whether what works is still being found out. */
  readonly probing: boolean;
  /** Undefined where none works, or while that is being found out. */
  readonly accelerator?: Accelerator;
  readonly acceleratorReason: string;
  /** Where removed machines are kept, and for how long; undefined where they are not. */
  readonly trash?: { readonly folder: string; readonly keepMs: number };
  /** The box is shutting down, and its guests have so long for that. */
  readonly goingDown?: { readonly withinMs: number };
  /** Left out where memory is not looked at. */
  readonly memory?: BoxMemory;
}

/** What is wanted of a machine, as far as this agent could read it. */
export type Wanted =
  | { readonly kind: 'machine'; readonly desired: DesiredMachine; readonly compiled: CompiledMachine }
  /** A data volume of its own. */
  | { readonly kind: 'volume'; readonly desired: DesiredVolume; readonly content: KeptContent }
  | { readonly kind: 'removed'; readonly desired: RemovedMachine }
  /** Its description can't be carried out here, or there is none; `problem` says what and where. */
  | {
      readonly kind: 'refused';
      readonly reason: 'NotSupported' | 'FoundOnDisk';
      readonly identity: MachineIdentity;
      readonly generation: number;
      readonly problem: string;
    };

export interface Situation {
  readonly wanted: Wanted;
  readonly memory: MachineMemory;
  readonly observed?: ObservedMachine;
  /** What its process runs by, as far as its record says that. */
  readonly running?: Running;
  readonly imageStatus: (source: ImageSource) => ImageStatus;
  /** Whether the disk of a data volume in the folder of another entry is there. */
  readonly hasDisk: (uid: string, dataVolume: string) => boolean;
  /** The other machines of this box that have a disk in this one's folder: looked for where it is to be removed. */
  readonly users?: readonly string[];
  readonly box: Box;
  /** By the monotonic clock: what the wall clock says may jump by years when the network is back. */
  readonly nowMs: number;
  /** The time of day, for people. */
  readonly wallMs: number;
  /** A fraction in [0, 1) to spread restarts by. */
  readonly jitter: number;
  /** What the probes of its guest have found, where there are some and have. */
  readonly probed?: ProbeOutlook;
  /** What is left of the box's memory by the machines before this one; left out where it is not looked at. */
  readonly room?: Room;
}

/** One effect, carried out by `act/`. */
export type Action =
  | { readonly kind: 'fetch-image'; readonly source: ImageSource }
  | {
      readonly kind: 'start';
      readonly machine: CompiledMachine;
      readonly run: number;
      readonly accelerator: Accelerator;
      readonly images: ReadonlyMap<string, ReadyImage>;
      /** The guest is held before its first instruction. */
      readonly paused?: boolean;
    }
  | {
      readonly kind: 'change';
      readonly uid: string;
      readonly change: Change;
      /** What the process runs by once that is made. */
      readonly running: DesiredMachine;
      readonly images: ReadonlyMap<string, ReadyImage>;
    }
  | {
      readonly kind: 'make-disk';
      readonly uid: string;
      readonly content: KeptContent;
      readonly images: ReadonlyMap<string, ReadyImage>;
    }
  | { readonly kind: 'power-button'; readonly uid: string }
  | { readonly kind: 'pause'; readonly uid: string }
  | { readonly kind: 'resume'; readonly uid: string }
  | { readonly kind: 'reset'; readonly uid: string }
  | { readonly kind: 'reboot-guest'; readonly uid: string }
  /** Of a guest that shut down and whose QEMU is still there. */
  | { readonly kind: 'boot-again'; readonly uid: string }
  /** Of a disk that its running guest has. */
  | {
      readonly kind: 'grow-disk';
      readonly uid: string;
      readonly dataVolume: string;
      readonly bytes: number;
    }
  | { readonly kind: 'give-credentials'; readonly uid: string; readonly credentials: GuestCredentials }
  | { readonly kind: 'quit'; readonly uid: string }
  | { readonly kind: 'kill'; readonly uid: string }
  | { readonly kind: 'remove'; readonly uid: string };

/** Something that happened, to be told to the hub. */
export interface PlannedEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What was decided, before it is put as a status. */
export interface Draft {
  readonly memory: MachineMemory;
  readonly actions: readonly Action[];
  readonly state: MachineState;
  readonly reason: string;
  readonly message: string;
  /** Whether an operator should be told when the reason first appears. */
  readonly warning?: boolean;
  /** The memory that the machine is to have though it has no process yet. */
  readonly claimBytes?: number;
  /** What else is to be told. */
  readonly events?: readonly PlannedEvent[];
  /** When to look again though nothing happened, by the monotonic clock. */
  readonly wakeAtMs?: number;
}

/** Nothing is to be done now. */
export function waiting(
  memory: MachineMemory,
  state: Draft['state'],
  reason: string,
  message: string,
): Draft {
  return { memory, actions: [], state, reason, message };
}

export interface MachinePlan {
  /** To be stored together with the status and the events, before the actions are carried out. */
  readonly memory: MachineMemory;
  readonly actions: readonly Action[];
  readonly status: MachineStatus;
  /** Whether the status differs from the one last reported. */
  readonly statusChanged: boolean;
  readonly events: readonly PlannedEvent[];
  /** The memory that no later machine may have: this one is about to run. */
  readonly claimBytes?: number;
  readonly wakeAtMs?: number;
}
