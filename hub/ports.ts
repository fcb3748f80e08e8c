import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ResourceObject } from '../shared/model/kind.ts';
import type { DeviceFacts, DeviceMetrics } from '../shared/model/device.ts';
import type { MachineIdentity, MachineStatus } from '../shared/model/machine.ts';
import type { BoxIdentity } from '../shared/protocol/messages.ts';
import type { StreamDial } from '../shared/protocol/streams.ts';
import type { DeviceChannel, HubChannel } from '../shared/protocol/topics.ts';

/** What the hub needs of the world, beside `shared/ports.ts`. */

/** Carries messages to and from devices; promises nothing beyond one try. */
export interface Broker {
  /**
   * Starts to carry, and goes on to, whatever becomes of the broker. Resolves with its address, HOST:PORT, which for
   * one outside of the hub says nothing of whether it is there.
   * @param receive gets every message that a device publishes on a channel of its own
   */
  start(
    receive: (device: string, channel: DeviceChannel, payload: Uint8Array) => void,
    watch?: BrokerWatch,
  ): Promise<{ address: string }>;
  /** @throws Error where the broker does not take it; nothing is kept to be sent later */
  publish(device: string, channel: HubChannel, payload: Uint8Array): Promise<void>;
  stop(): Promise<void>;
}

/** Told by turns, `ready` first. The broker inside the hub is never lost. */
export interface BrokerWatch {
  /** Messages pass from now on. What devices said before, last wills too, is missed. */
  ready(): void;
  /** The hub is cut from the broker: what it knows of which device is connected is stale. */
  lost(reason: string): void;
}

/** A stream that a device is to be asked for. */
export interface ExpectedStream {
  readonly dial: StreamDial;
  /** Resolves once the device has come with it. */
  readonly arrived: Promise<Duplex>;
  /** It is not waited for any more. */
  cancel(): void;
}

/** Takes in the streams that devices dial out to the hub for, each once, with a secret that only it was told. */
export interface Tunnel {
  /** @param apiPort where devices come in if the tunnel has no listener of its own */
  start(apiPort: number): Promise<void>;
  /** A device's request for an upgrade that came in where the API listens. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** @throws EffectError TooManyRequests, Unavailable */
  expect(device: string): ExpectedStream;
  /** Ends every stream. */
  close(): Promise<void>;
}

/** Names an object: kinds by `group/Kind` (`kubevirt.io/VirtualMachine`, `/Event`), '' as the namespace of none. */
export interface ObjectKey {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** An object as it is stored: its JSON, which most of what is listed is handed on as. */
export interface ObjectRow {
  readonly namespace: string;
  readonly name: string;
  readonly text: string;
}

/** A part of a kind's objects in the order of namespace and name. */
export interface ObjectRange {
  readonly namespace?: string | undefined;
  /** The place that those wanted come after. */
  readonly after?: Pick<ObjectRow, 'namespace' | 'name'> | undefined;
}

export interface ObjectChange {
  readonly resourceVersion: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly key: ObjectKey;
  readonly object: ResourceObject;
  /** The object before the change, for selectors that it no longer matches. */
  readonly previous?: ResourceObject;
}

/** Resource objects and the log of their changes. Stored objects carry the kind's first `apiVersion`. */
export interface ObjectTable {
  get(key: ObjectKey): Promise<ResourceObject | undefined>;
  /** The same as it is stored. */
  row(key: ObjectKey): Promise<ObjectRow | undefined>;
  /** All of a kind, of one namespace where it is given, ordered by namespace and name. */
  list(kind: string, namespace?: string): Promise<ResourceObject[]>;
  /** The first `limit` of those of `list` that come after a place, as they are stored. */
  page(kind: string, range: ObjectRange & { readonly limit: number }): Promise<ObjectRow[]>;
  /**
   * What objects that have changed since a version were at that version, in the order of `list`; without a text where
   * they were not there. Undefined where the log no longer reaches that far back.
   */
  pastRows(
    kind: string,
    resourceVersion: number,
    range: ObjectRange,
  ): Promise<(Omit<ObjectRow, 'text'> & { readonly text?: string })[] | undefined>;
  count(kind: string, namespace?: string): Promise<number>;
  /** Those of a kind that were written longest ago, oldest first. */
  oldest(kind: string, limit: number): Promise<ResourceObject[]>;
  /**
   * Adds or replaces; sets `metadata.resourceVersion` and returns the object as stored. Writing what is there
   * already (but for its resource version) changes nothing.
   */
  put(key: ObjectKey, object: ResourceObject): Promise<ResourceObject>;
  remove(key: ObjectKey): Promise<void>;
  /** The newest resource version given out; 0 at first. */
  resourceVersion(): Promise<number>;
  /**
   * The first `limit` changes of a kind after a version, oldest first; undefined where the log no longer reaches that
   * far back.
   */
  changesSince(kind: string, resourceVersion: number, limit: number): Promise<ObjectChange[] | undefined>;
  /** Forgets at most `limit` of the changes older than the newest `keep`, oldest first; the result is how many. */
  pruneChanges(keep: number, limit: number): Promise<number>;
}

/** Where a machine, or a data volume of its own, has been put; it stays there until its device says that it is gone. */
export interface MachineRow {
  readonly uid: string;
  readonly kind: MachineIdentity['kind'];
  readonly namespace: string;
  readonly name: string;
  readonly device: string;
  /** Its object was deleted: the device is to remove it. */
  readonly removing: boolean;
  /** The newest report of it, and when it came in by the hub's clock (milliseconds). */
  readonly status?: MachineStatus;
  readonly reportedAtMs?: number;
  /** The store of the device's agent that the report came from: two boxes of one name have one each. */
  readonly reportedEpoch?: string;
  readonly heldBack?: HeldBack;
}

/**
 * Why a machine is left out of its device's desired document while its object is of this generation: what the device
 * said of it can't be brought together with what this hub has.
 */
export interface HeldBack {
  /** `Gone`: the device held it and does not any more. `Unreadable`: what it holds can't be read here. */
  readonly reason: 'Gone' | 'Unreadable';
  readonly generation: number;
}

export interface MachineTable {
  get(uid: string): Promise<MachineRow | undefined>;
  list(device?: string): Promise<MachineRow[]>;
  put(row: MachineRow): Promise<void>;
  remove(uid: string): Promise<void>;
}

/** A boot of a box, with one store, that has said hello as a device. */
export interface BootSeen extends BoxIdentity {
  readonly bootId: string;
  readonly epoch: string;
  /** Its newest connection, and when it said hello on it. */
  readonly connection: number;
  readonly heardAtMs: number;
  /** When the boot began, by the hub's clock. */
  readonly bootedAtMs: number;
  /** The report up to which its store's had been committed when another boot said hello. */
  readonly committed?: number;
  /** It was asked to make a new epoch. */
  readonly renewed?: boolean;
}

/** The session of a device: what it last said of itself, and where its desired document stands. */
export interface DeviceRow {
  readonly name: string;
  readonly epoch: string;
  readonly connection: number;
  readonly protocol: number;
  readonly agentVersion: string;
  readonly presence: 'connected' | 'disconnected' | 'unknown';
  readonly presenceSinceMs: number;
  /** The newest desired document made for it: generation 0 and '' before the first. */
  readonly generation: number;
  readonly desiredHash: string;
  /** The last few that were made: a device that holds another under one of their numbers has it from a hub that is lost. */
  readonly made?: readonly { readonly generation: number; readonly hash: string }[];
  /** The generation that the device last said it holds, and what it could not take of it. */
  readonly heldGeneration: number;
  readonly problems: readonly string[];
  readonly facts?: DeviceFacts;
  readonly metrics?: DeviceMetrics;
  /** How far the device's clock is ahead of the hub's, in milliseconds. */
  readonly clockAheadMs: number;
  /** The device knows more than this hub and has not told all of it yet: until then it is sent no desired document. */
  readonly untold: boolean;
  /** It has told it since, and that is yet to be brought together with what this hub has. */
  readonly toldAll?: boolean;
  /** The boxes that said hello by this name, the newest first. */
  readonly boots: readonly BootSeen[];
  /** How often one of these came back after another had been heard, and when one last did. */
  readonly returns: number;
  readonly returnedAtMs?: number | undefined;
  /** Since when two boxes are known to have this name. */
  readonly duplicateSinceMs?: number | undefined;
  /** Why the device is not taken in, where it is not. */
  readonly refusal?: { readonly reason: string; readonly message: string };
}

export interface DeviceTable {
  get(name: string): Promise<DeviceRow | undefined>;
  getMany(names: readonly string[]): Promise<DeviceRow[]>;
  list(): Promise<DeviceRow[]>;
  count(): Promise<number>;
  put(row: DeviceRow): Promise<void>;
  putMany(rows: readonly DeviceRow[]): Promise<void>;
  remove(name: string): Promise<void>;
}

/** A device's desired document as it is sent. */
export interface DocumentRow {
  readonly device: string;
  readonly generation: number;
  readonly hash: string;
  readonly text: string;
}

export interface DocumentTable {
  get(device: string): Promise<DocumentRow | undefined>;
  put(row: DocumentRow): Promise<void>;
  remove(device: string): Promise<void>;
}

/** One stream of reports: a device has one for each store that its agent ever had. */
export interface StreamRow {
  readonly device: string;
  readonly epoch: string;
  /** The highest report committed here. */
  readonly acknowledged: number;
  /** When it was last heard, by the hub's clock. */
  readonly heardAtMs: number;
}

export interface StreamTable {
  /** Every stream of these devices. */
  getMany(devices: readonly string[]): Promise<StreamRow[]>;
  putMany(rows: readonly StreamRow[]): Promise<void>;
  removeDevice(device: string): Promise<void>;
}

/** What a device said that it holds, kept until it is brought together with what this hub has. */
export interface HeldEntry {
  readonly device: string;
  readonly uid: string;
  /** Its entry in the device's desired document, unchecked. */
  readonly entry: Readonly<Record<string, unknown>>;
  readonly status?: MachineStatus;
  readonly heardAtMs: number;
  /** The store of the device's agent that it came from. */
  readonly epoch: string;
}

export interface HeldTable {
  get(device: string, uid: string): Promise<HeldEntry | undefined>;
  put(entry: HeldEntry): Promise<void>;
  list(device: string): Promise<HeldEntry[]>;
  remove(device: string, uid: string): Promise<void>;
  removeDevice(device: string): Promise<void>;
}

/** A machine, or a data volume, that names other objects. */
export type ReferringMachine = Pick<MachineRow, 'uid' | 'kind' | 'namespace' | 'name'>;

/** Which machines name which objects, so that a change of one of those finds them without looking at all. */
export interface ReferenceTable {
  /** Those that name an object, whether or not it is there; the first `limit`, by uid, where it is given. */
  to(key: ObjectKey, limit?: number): Promise<ReferringMachine[]>;
  /** All that a machine names from now on; the result is what it named before and does not any more. */
  set(machine: ReferringMachine, keys: readonly ObjectKey[]): Promise<ObjectKey[]>;
}

/** An object that is gone and owned others, or that waits for what it owns. */
export interface GarbageOwner extends ObjectKey {
  readonly uid: string;
}

/** Which objects are owned by which, by their `ownerReferences`; kept with every object that is written. */
export interface OwnerTable {
  /** The first so many of those that name an owner, by its uid. */
  dependents(uid: string, limit: number): Promise<ObjectKey[]>;
  /** Owners whose dependents are to be looked at. */
  garbage(): Promise<GarbageOwner[]>;
  /** Nothing is left to be done about an owner's dependents. */
  settle(uid: string): Promise<void>;
}

/** One thing in a device's history. */
export interface TimelineEntry {
  readonly device: string;
  /** `event` as the device told it, the rest as it was seen here. */
  readonly kind: 'event' | 'state' | 'metrics' | 'desired' | 'link' | 'request';
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly machine?: MachineIdentity;
  /** When it happened, in the hub's time, as well as that can be told. */
  readonly happenedAtMs: number;
  /** The same by the device's own clock, where the device told it. */
  readonly deviceTimeMs?: number;
  /** When the hub learned it. */
  readonly learnedAtMs: number;
  /** Its place in the device's reports, where it is one. */
  readonly epoch?: string;
  readonly sequence?: number;
}
export type StoredTimelineEntry = TimelineEntry & { readonly id: number };

export interface TimelineRange {
  readonly device: string;
  /** What is of one machine only. */
  readonly machine?: { readonly namespace: string; readonly name: string };
  /** When it happened, both included. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** The newest so many. */
  readonly limit: number;
}

export interface TimelineTable {
  append(entries: readonly TimelineEntry[]): Promise<void>;
  /** In the order in which things happened. */
  list(range: TimelineRange): Promise<StoredTimelineEntry[]>;
  /** Every device's, with an id above `afterId`, in the order in which they were learned. */
  after(afterId: number, limit: number): Promise<StoredTimelineEntry[]>;
  /** The newest id given out; 0 at first. */
  newest(): Promise<number>;
  /** Forgets at most `limit` of those learned before a time; the result is how many. */
  prune(beforeMs: number, limit: number): Promise<number>;
}

/** How far a part of the hub that works on in the background has come. */
export interface ProgressTable {
  get(name: 'events_projected'): Promise<number>;
  set(name: 'events_projected', value: number): Promise<void>;
}

export interface Tables {
  readonly objects: ObjectTable;
  readonly machines: MachineTable;
  readonly devices: DeviceTable;
  readonly documents: DocumentTable;
  readonly streams: StreamTable;
  readonly held: HeldTable;
  readonly references: ReferenceTable;
  readonly owners: OwnerTable;
  readonly timeline: TimelineTable;
  readonly progress: ProgressTable;
}

/** As much of the tables as is read without a transaction. */
export interface ReadTables {
  readonly objects: Pick<
    ObjectTable,
    'get' | 'row' | 'page' | 'pastRows' | 'count' | 'resourceVersion' | 'changesSince'
  >;
  readonly devices: Pick<DeviceTable, 'get' | 'getMany' | 'list'>;
  readonly streams: Pick<StreamTable, 'getMany'>;
}

export interface Store {
  /**
   * Runs `work` as one transaction, one at a time, never one inside another; what it throws undoes it. Resolves once it
   * is durable. One sees those before it, also where their commit, which is its own too, is still to be made.
   */
  transaction<T>(work: (tables: Tables) => Promise<T>): Promise<T>;
  /**
   * Reads what is committed, all of it as it was at one moment, without a wait for transactions that are under way;
   * `work` must not write. What it finds may be a moment ahead of what listeners have heard of.
   */
  read<T>(work: (tables: ReadTables) => Promise<T>): Promise<T>;
  /**
   * Calls `listener` with each committed change, in order, before anybody learns that it is; it must not throw. The
   * result stops that.
   */
  onChange(listener: (change: ObjectChange) => void): () => void;
  close(): Promise<void>;
}
