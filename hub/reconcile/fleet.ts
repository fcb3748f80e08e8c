import type { Candidate, Demand } from '../machines/node-affinity.ts';
import { namedDevices } from '../machines/node-affinity.ts';
import type { ObjectChange, Tables } from '../ports.ts';

/**
 * Every device's labels, held in memory: placing a machine looks at all of them, and a new fleet places as many
 * machines as it has devices.
 */
export interface Fleet {
  load(tables: Tables): Promise<void>;
  /** Takes a committed change of a Device in. */
  note(change: ObjectChange): void;
  /** Every device that could meet a demand. */
  candidates(demand: Demand): readonly Candidate[];
}

export function createFleet(): Fleet {
  const devices = new Map<string, Candidate>();

  function set({ metadata }: ObjectChange['object']): void {
    devices.set(metadata.name, { name: metadata.name, labels: metadata.labels ?? {} });
  }

  return {
    async load({ objects }) {
      for (const device of await objects.list('holdfast.dev/Device')) set(device);
    },
    note({ type, object }) {
      if (type === 'DELETED') devices.delete(object.metadata.name);
      else set(object);
    },
    candidates(demand) {
      const named = namedDevices(demand);
      if (named === undefined) return [...devices.values()];
      return named.flatMap((name) => devices.get(name) ?? []);
    },
  };
}
