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
  name: 'resource_version' | 'changes_pruned_through';
  value: number;
}

export interface StoredMachine {
  uid: string;
  kind: 'VirtualMachine' | 'VirtualMachineInstance';
  namespace: string;
  name: string;
  device: string;
  removing: number;
  status: string | null;
  reported_at_ms: number | null;
}

export interface StoredDevice {
  name: string;
  epoch: string;
  connection: number;
  acknowledged: number;
  presence: 'connected' | 'disconnected' | 'unknown';
  presence_since_ms: number;
  generation: number;
  desired_text: string;
  desired_hash: string;
  held_generation: number;
  problems: string;
  reported_at_ms: number | null;
}

export interface Schema {
  objects: StoredObject;
  changes: StoredChange;
  counters: StoredCounter;
  machines: StoredMachine;
  devices: StoredDevice;
}

/** A transaction, or the connection itself. */
export type Database = Kysely<Schema>;
