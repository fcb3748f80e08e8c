import type { ResourceObject } from '../shared/model/kind.ts';
import type { MachineStatus } from '../shared/model/machine.ts';
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

/** Names an object: kinds by `group/Kind` (`kubevirt.io/VirtualMachine`, `/Event`), '' as the namespace of none. */
export interface ObjectKey {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
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
  /** All of a kind, of one namespace where it is given, ordered by namespace and name. */
  list(kind: string, namespace?: string): Promise<ResourceObject[]>;
  /**
   * Adds or replaces; sets `metadata.resourceVersion` and returns the object as stored. Writing what is there
   * already (but for its resource version) changes nothing.
   */
  put(key: ObjectKey, object: ResourceObject): Promise<ResourceObject>;
  remove(key: ObjectKey): Promise<void>;
  /** The newest resource version given out; 0 at first. */
  resourceVersion(): Promise<number>;
  /** Changes of a kind after a version, oldest first; undefined where the log no longer reaches that far back. */
  changesSince(kind: string, resourceVersion: number): Promise<ObjectChange[] | undefined>;
  /** Forgets changes older than the newest `keep`. */
  pruneChanges(keep: number): Promise<void>;
}

/** Where a machine has been put; it stays there until its device says that it is gone. */
export interface MachineRow {
  readonly uid: string;
  readonly kind: 'VirtualMachine' | 'VirtualMachineInstance';
  readonly namespace: string;
  readonly name: string;
  readonly device: string;
  /** Its object was deleted: the device is to remove it. */
  readonly removing: boolean;
  /** The newest report of it, and when it came in by the hub's clock (milliseconds). */
  readonly status?: MachineStatus;
  readonly reportedAtMs?: number;
}

export interface MachineTable {
  get(uid: string): Promise<MachineRow | undefined>;
  list(device?: string): Promise<MachineRow[]>;
  put(row: MachineRow): Promise<void>;
  remove(uid: string): Promise<void>;
}

/** The session of a device: where its report stream and its desired document stand. */
export interface DeviceRow {
  readonly name: string;
  readonly epoch: string;
  readonly connection: number;
  /** The highest report committed here. */
  readonly acknowledged: number;
  readonly presence: 'connected' | 'disconnected' | 'unknown';
  readonly presenceSinceMs: number;
  /** The newest desired document made for it: generation 0 and '' before the first. */
  readonly generation: number;
  readonly desiredText: string;
  readonly desiredHash: string;
  /** The generation that the device last said it holds, and what it could not take of it. */
  readonly heldGeneration: number;
  readonly problems: readonly string[];
  readonly reportedAtMs?: number;
}

export interface DeviceTable {
  get(name: string): Promise<DeviceRow | undefined>;
  list(): Promise<DeviceRow[]>;
  put(row: DeviceRow): Promise<void>;
  remove(name: string): Promise<void>;
}

export interface Tables {
  readonly objects: ObjectTable;
  readonly machines: MachineTable;
  readonly devices: DeviceTable;
}

export interface Store {
  /** Runs `work` as one transaction, one at a time, never one inside another; what it throws undoes it. */
  transaction<T>(work: (tables: Tables) => Promise<T>): Promise<T>;
  /**
   * Calls `listener` with each committed change, in order, before the next transaction begins; it must not
   * throw. The result stops that.
   */
  onChange(listener: (change: ObjectChange) => void): () => void;
  close(): Promise<void>;
}
