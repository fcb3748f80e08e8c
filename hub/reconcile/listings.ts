import { ownerOf } from '../machines/own-volume.ts';
import type { ObjectKey, Tables } from '../ports.ts';
import type { MachineKey } from './machine-key.ts';

/** A way of finding what is to be looked at; two of one name find the same. */
export interface Listing {
  readonly name: string;
  readonly list: (tables: Tables) => Promise<Found>;
}

interface Found {
  readonly machines: readonly MachineKey[];
  readonly devices: readonly string[];
}

export const EVERYTHING: Listing = {
  name: 'everything',
  async list(tables) {
    const devices = await tables.devices.list();
    return {
      machines: [
        ...(await listUnplaced(tables)),
        ...(await listUnplacedVolumes(tables)),
        ...(await tables.machines.list()),
      ],
      devices: devices.map(({ name }) => name),
    };
  },
};

/** Machines without a place, which any device's labels may change. */
export const UNPLACED: Listing = {
  name: 'unplaced machines',
  list: async (tables) => ({ machines: await listUnplaced(tables), devices: [] }),
};

/** Whatever names an object. */
export function usersOf(key: ObjectKey): Listing {
  return {
    name: `what names ${key.kind} ${key.namespace}/${key.name}`,
    list: async ({ references }) => ({ machines: await references.to(key), devices: [] }),
  };
}

export function machinesOn(device: string): Listing {
  return {
    name: `machines on ${device}`,
    list: async ({ machines }) => ({ machines: await machines.list(device), devices: [] }),
  };
}

async function listUnplaced({ objects, machines }: Tables): Promise<MachineKey[]> {
  const placed = new Set((await machines.list()).map(({ uid }) => uid));
  const kinds = ['VirtualMachine', 'VirtualMachineInstance'] as const;
  const lists = await Promise.all(
    kinds.map(async (kind) => {
      const list = await objects.list(`kubevirt.io/${kind}`);
      return list.map(({ metadata }): MachineKey => {
        return { kind, namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid ?? '' };
      });
    }),
  );
  return lists.flat().filter(({ uid }) => !placed.has(uid));
}

/** Data volumes of their own that no machine uses; those of machines are looked at with their machines. */
async function listUnplacedVolumes({ objects, machines }: Tables): Promise<MachineKey[]> {
  const keys: MachineKey[] = [];
  for (const { metadata } of await objects.list('cdi.kubevirt.io/DataVolume')) {
    const { uid = '', namespace = '', name } = metadata;
    if (ownerOf({ metadata }) !== undefined || (await machines.get(uid)) !== undefined) continue;
    keys.push({ kind: 'DataVolume', namespace, name, uid });
  }
  return keys;
}
