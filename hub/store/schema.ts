import type { Kysely } from 'kysely';

/** The store's tables as the newest migration leaves them. JSON is text, times are milliseconds, truth is 0 or 1. */

export interface StoredObject {
  kind: string;
  namespace: string;
  name: string;
  resource_version: number;
  object: string;
}

export interface StoredChange {
  resource_version: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  kind: string;
  namespace: string;
  name: string;
  object: string;
  previous: string | null;
}

/** Single numbers of the whole store, by name. */
export interface StoredCounter {
  name: 'resource_version' | 'changes_pruned_through' | 'timeline' | 'events_projected';
  value: number;
}

export interface StoredMachine {
  uid: string;
  kind: 'VirtualMachine' | 'VirtualMachineInstance' | 'DataVolume';
  namespace: string;
  name: string;
  device: string;
  removing: number;
  status: string | null;
  reported_at_ms: number | null;
  reported_epoch: string | null;
  held_back: string | null;
}

/** `session` is the whole row as JSON. */
export interface StoredDevice {
  name: string;
  session: string;
}

export interface StoredDocument {
  device: string;
  generation: number;
  hash: string;
  text: string;
}

export interface StoredStream {
  device: string;
  epoch: string;
  acknowledged: number;
  heard_at_ms: number;
}

/** `entry` is the whole row as JSON. */
export interface StoredHeld {
  device: string;
  uid: string;
  entry: string;
}

/** A machine, and one of the objects that it names. */
export interface StoredReference {
  uid: string;
  kind: 'VirtualMachine' | 'VirtualMachineInstance' | 'DataVolume';
  namespace: string;
  name: string;
  target: string;
}

/** An object, and the uid of one of its owners. */
export interface StoredOwner {
  owner: string;
  kind: string;
  namespace: string;
  name: string;
}

/** An owner that is gone, or waits for what it owns. */
export interface StoredGarbage {
  uid: string;
  kind: string;
  namespace: string;
  name: string;
}

export interface StoredTimeline {
  id: number;
  device: string;
  kind: 'event' | 'state' | 'metrics' | 'desired' | 'link' | 'request';
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  machine: string | null;
  /** `namespace/name`, to be found by. */
  machine_name: string | null;
  happened_at_ms: number;
  device_time_ms: number | null;
  learned_at_ms: number;
  epoch: string | null;
  sequence: number | null;
}

export interface Schema {
  objects: StoredObject;
  changes: StoredChange;
  counters: StoredCounter;
  machines: StoredMachine;
  devices: StoredDevice;
  documents: StoredDocument;
  streams: StoredStream;
  held: StoredHeld;
  object_references: StoredReference;
  object_owners: StoredOwner;
  garbage: StoredGarbage;
  timeline: StoredTimeline;
}

/** A transaction, or the connection itself. */
export type Database = Kysely<Schema>;
