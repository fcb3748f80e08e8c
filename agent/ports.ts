import type { Duplex } from 'node:stream';
import type { DeviceFacts, DeviceMetrics } from '../shared/model/device.ts';
import type { ForwardedPort } from '../shared/model/virtual-machine-instance.ts';
import type { EventBody, Report, ReportBody, ResponseMessage } from '../shared/protocol/messages.ts';
import type { DeviceChannel, HubChannel } from '../shared/protocol/topics.ts';
import type { StreamDial, StreamTarget } from '../shared/protocol/streams.ts';
import type { MachineFigures } from './figures-port.ts';
import type { GuestDetails, GuestUsage } from './guest.ts';
import type { ReadyImage } from './images-port.ts';
import type { AddedMemory, ChangeRequest } from './machine/change.ts';
import type { CompiledMachine, Lent } from './machine/compile.ts';
import type { GuestCredentials } from './machine/credentials.ts';
import type { KeptContent } from './machine/disk.ts';
import type { PciPlaces } from './machine/pci.ts';
import type { MachineMemory } from './plan/memory.ts';

/** What the agent needs of the world, beside `shared/ports.ts` and the ports that have a file of their own. */

export type Accelerator = 'kvm' | 'tcg';

/** A forwarded port and the guest's interface that it leads to. */
export type HostPort = ForwardedPort & { readonly interface: string };

/** Written before QEMU starts and kept beside the disks: what it takes to know the process again. */
export interface RunRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Numbers the starts of a machine, from 1. */
  readonly run: number;
  /** The boot of the host in which it was started. */
  readonly bootId: string;
  readonly accelerator: Accelerator;
  readonly ports: readonly HostPort[];
  readonly lent?: Lent;
  /**
   * The entry of the desired document that the process runs by: as it was started, with what was changed since. Not in
   * records of agents that did not write it down.
   */
  readonly desired?: unknown;
  readonly startedAtMs: number;
  /** What it was counted with of the box's memory; records of before have none. */
  readonly claimBytes?: number;
  /** QEMU's arguments, with those of the disks and cards that have come and gone since. */
  readonly command: readonly string[];
  /** Where its PCI devices sit; not in records of agents that did not write it down. */
  readonly places?: PciPlaces;
  /** What was left of the start's memory when the guest was last asked to give some of it back, in bytes. */
  readonly balloonBytes?: number;
  /** The cards whose cables were taken out; not noted before that was done. */
  readonly linksDown?: readonly string[];
  /** Known once the process was seen; `startTicks` is field 22 of its `/proc/<pid>/stat`. */
  readonly pid?: number;
  readonly startTicks?: number;
}

/** What came of giving a guest its credentials, in this run and by this agent. */
export interface GivenCredentials {
  /** `GuestCredentials.digest`. */
  readonly digest: string;
  /** By the monotonic clock. */
  readonly atMs: number;
  /** What failed of it. */
  readonly problem?: string;
}

/** QEMU's `RunState` names, or one that a newer QEMU knows. */
export type RunState = string;

export interface ObservedMachine {
  readonly uid: string;
  /** The newest run that was prepared, if any. */
  readonly record?: RunRecord;
  /** The live process of that run. Monitors that don't answer leave `runState` undefined. */
  readonly process?: {
    readonly pid: number;
    readonly runState?: RunState;
    readonly guestAgent: boolean;
    /** The guest's addresses by MAC, as its agent says. */
    readonly addresses: readonly {
      readonly mac: string;
      readonly name: string;
      readonly ips: readonly string[];
    }[];
    /** Beside what it was started with; undefined where its monitor does not answer. */
    readonly addedMemory?: AddedMemory;
    /** What the guest's balloon leaves of what it was started with; undefined where there is none. */
    readonly balloonBytes?: number;
    /** What the guest is, once its agent has said so. */
    readonly guest?: GuestDetails;
    readonly credentials?: GivenCredentials;
  };
  /** The guest's addresses that the box itself knows, by MAC. */
  readonly leases?: readonly { readonly mac: string; readonly ip: string }[];
  /** The disks that are kept and exist, by data volume. */
  readonly disks: readonly string[];
  /** How large the guest finds these, in bytes, as far as that can be read. */
  readonly diskBytes?: Readonly<Record<string, number>>;
  /** What `keep` last wrote. */
  readonly kept?: KeptMachine;
  /** What could not be observed, where something could not: then nothing is done with the machine. */
  readonly problem?: string;
}

/** What it takes to go on with a machine where the store is lost. */
export type KeptMachine = Pick<MachineRow, 'desired' | 'memory'>;

export interface StartRequest {
  readonly machine: CompiledMachine;
  readonly run: number;
  readonly accelerator: Accelerator;
  /** Ready images by `sourceKey`. */
  readonly images: ReadonlyMap<string, ReadyImage>;
  /** The guest is held before its first instruction. */
  readonly paused?: boolean;
}

/** An event of QEMU's monitor, unchecked. */
export interface Happened {
  readonly name: string;
  readonly data: unknown;
}

/** The machines on this box: their folders, disks and QEMU processes. */
export interface Machines {
  /** Every machine that has a folder here. */
  observe(): Promise<ObservedMachine[]>;
  /**
   * Makes what is missing of the disks and the seed, writes the record and starts QEMU, unless a process of the
   * machine lives: then it does nothing. Resolves once the monitor answers.
   * @throws EffectError naming what failed, with QEMU's own last words
   */
  start(request: StartRequest): Promise<void>;
  /**
   * Makes the disk of a data volume of its own, unless it is there.
   * @throws EffectError naming what failed
   */
  makeDisk(uid: string, content: KeptContent, images: ReadonlyMap<string, ReadyImage>): Promise<void>;
  /** Writes what is known of a machine durably beside its disks, in a folder made where there is none. */
  keep(uid: string, kept: KeptMachine): Promise<void>;
  /**
   * Makes one change of a machine that runs, and then notes in its record what it runs by. May be called again for the
   * same change: what is done of it is seen.
   * @throws EffectError NotRunning, or naming what failed; the machine runs on
   */
  change(uid: string, request: ChangeRequest): Promise<void>;
  /** Presses the ACPI power button. */
  powerButton(uid: string): Promise<void>;
  /** Holds the guest until it is resumed. */
  pause(uid: string): Promise<void>;
  /** Lets a held guest go on. */
  resume(uid: string): Promise<void>;
  /** Presses the reset button: the guest is not asked. */
  reset(uid: string): Promise<void>;
  /** Has the guest's agent boot it anew. */
  rebootGuest(uid: string): Promise<void>;
  /** Makes a disk that a running guest has larger, which it is told of; never smaller. */
  growDisk(uid: string, dataVolume: string, bytes: number): Promise<void>;
  /** Has the guest's agent give users their keys and passwords; what came of it shows in `observe`. */
  giveCredentials(uid: string, credentials: GuestCredentials): Promise<void>;
  /** Ends QEMU through its monitor. */
  quit(uid: string): Promise<void>;
  /** Ends QEMU with SIGKILL. */
  kill(uid: string): Promise<void>;
  /**
   * Takes the machine's folder with all its disks away, to the trash where there is one, or else for good; refused
   * while its process lives.
   */
  remove(uid: string): Promise<void>;
  /** Asks the guest's agent what it is and what goes on in it. @throws EffectError GuestAgentFailed, NotRunning */
  readGuest(uid: string): Promise<GuestDetails & GuestUsage>;
  /** Runs a command in the guest and gives its exit code. @throws EffectError GuestAgentFailed, GuestAgentRefused */
  runInGuest(uid: string, command: readonly string[], deadlineMs: number): Promise<number>;
  /** Resolves where the guest's agent answers. @throws EffectError GuestAgentFailed */
  pingGuest(uid: string, deadlineMs: number): Promise<void>;
  /** Figures of every machine that runs; one that can't be asked is left out. */
  measure(): Promise<MachineFigures[]>;
  /** The serial console: what the guest last wrote, then both ways. */
  openConsole(uid: string): Promise<Duplex>;
  /**
   * Opens a stream of a machine; a log's and a picture's is read only.
   * @throws EffectError NotRunning, DisplayTaken, NoLog, PortUnreachable, or naming what failed
   */
  openStream(uid: string, target: StreamTarget): Promise<Duplex>;
  /** Has the guest's agent freeze all its file systems; they stay so until `thawGuest`. @throws as `readGuest` */
  freezeGuest(uid: string): Promise<void>;
  thawGuest(uid: string): Promise<void>;
  /** Calls `listener` when a process ended or its monitor said that something changed. */
  onChange(listener: (uid: string) => void): void;
  /** Calls `listener` with what QEMU tells of a guest as it happens; what happens while nobody listens is not told. */
  onHappening(listener: (uid: string, happened: Happened) => void): void;
  /** Lets go of monitors and watches; machines go on. */
  close(): Promise<void>;
}

export interface Facts {
  /** Everything but what the accelerator probe found; takes some hundred milliseconds. */
  read(): Promise<Omit<DeviceFacts, 'accelerator' | 'acceleratorReason'>>;
  measure(): Promise<DeviceMetrics>;
}

export interface AcceleratorProbe {
  /** Which accelerator really runs 64-bit code here, and how that is known; tried once per boot of the host. */
  detect(): Promise<{ readonly accelerator?: Accelerator; readonly reason: string }>;
}

/** One connection to the broker; the agent makes another when it is lost. */
export interface Link {
  /** Connects with `gone` as last will; resolves when subscribed. */
  connect(options: {
    readonly gone: Uint8Array;
    readonly receive: (channel: HubChannel, payload: Uint8Array) => void;
    readonly lost: (reason: string) => void;
  }): Promise<Connection>;
}

export interface Connection {
  /** Resolves when the broker has taken it. */
  publish(channel: DeviceChannel, payload: Uint8Array): Promise<void>;
  /** Says goodbye with the last will's text where `polite`, and closes. */
  close(polite: boolean): Promise<void>;
}

/** The way out to the hub for streams. */
export interface Tunnel {
  /** Brings a stream to the hub. @throws EffectError HubUnreachable */
  dial(dial: StreamDial): Promise<Duplex>;
}

/** A machine as the agent's store keeps it. */
export interface MachineRow {
  readonly uid: string;
  /** The entry of the desired document, unchecked: `readWanted` reads it. The same object for as long as it is the same. */
  readonly desired: unknown;
  readonly memory: MachineMemory;
}

/** When a report's matter happened. */
export interface Happening {
  readonly atMs: number;
  readonly monotonicMs: number;
  readonly bootId: string;
}

/** A report that a newer one of the same subject replaces. */
export type StatusBody = Exclude<ReportBody, EventBody | { kind: 'metrics' }>;

/** The agent's durable state: written in full before anything is acted on or acknowledged. Synchronous. */
export interface Store {
  /** Runs `work` as one transaction; what it throws undoes it. */
  transaction<T>(work: () => T): T;
  /**
   * What became of the store before this one, where that was lost; undefined from then on. To be called in the
   * transaction that reports it.
   */
  takeLoss(): string | undefined;
  /** Made with the store. */
  epoch(): string;
  /** The number of the next connection, each time one higher. */
  nextConnection(): number;
  /** Whether the link was up when that was last noted, and since when; undefined before the first time. */
  link(): { readonly up: boolean; readonly sinceMs: number } | undefined;
  saveLink(link: { readonly up: boolean; readonly sinceMs: number }): void;
  desired(): { readonly generation: number; readonly hash: string } | undefined;
  saveDesired(generation: number, hash: string, text: string): void;
  machines(): MachineRow[];
  putMachine(row: MachineRow): void;
  deleteMachine(uid: string): void;
  /** Queues an event; never displaced, and dropped only where nothing else can be. */
  appendEvent(body: EventBody, happening: Happening): void;
  /** Queues what is the case of `subject`, in place of an unsent report of it. */
  putStatus(subject: string, body: StatusBody, happening: Happening): void;
  /** Queues figures of the box, which are the first to be dropped where too much waits. */
  appendMetrics(metrics: DeviceMetrics, happening: Happening): void;
  /**
   * Numbers what is not yet numbered and returns reports after `sequence`, oldest first, within `maxBytes`. Where
   * some were dropped since, an event that says so is among what waits.
   */
  reportsAfter(sequence: number, maxBytes: number): Report[];
  /** Deletes what the hub has committed; a number that was never given out changes nothing. */
  acknowledge(sequence: number): void;
  /** The highest number acknowledged. */
  acknowledged(): number;
  pendingReports(): number;
  /** The number that the next report to be numbered gets. */
  nextSequence(): number;
  /** Makes a new epoch, in which all that waits is numbered anew from 1. */
  renewEpoch(): void;
  /** What came of a request of this id; undefined where none was carried out, or that is past. */
  response(id: string): ResponseMessage | undefined;
  /** Remembers what came of a request, for as long as it could come again. */
  saveResponse(response: ResponseMessage, expiresAtMs: number): void;
  /** Forgets responses that expired before `nowMs`, by the hub's clock. */
  pruneResponses(nowMs: number): void;
  close(): void;
}
