import { HOSTNAME_LABEL } from '../../shared/model/device.ts';
import type { Candidate } from '../machines/place.ts';
import type { ObjectChange, Tables } from '../ports.ts';

/**
 * Every device's labels, held in memory: placing a machine looks at all of them, and a new fleet places as many
 * machines as it has devices.
 */
export interface Fleet {
  load(tables: Tables): Promise<void>;
  /** Takes a committed change of a Device in. */
  note(change: ObjectChange): void;
  /** Every device that a `nodeSelector` could match. */
  candidates(selector: Readonly<Record<string, string>>): readonly Candidate[];
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
    candidates(selector) {
      const hostname = selector[HOSTNAME_LABEL];
      if (hostname === undefined) return [...devices.values()];
      // The label is the device's name, always: admission sees to that.
      const device = devices.get(hostname);
      return device === undefined ? [] : [device];
    },
  };
}
