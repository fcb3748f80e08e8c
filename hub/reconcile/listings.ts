import { macKey } from '../machines/mac-address.ts';
import { ownerOf } from '../machines/own-volume.ts';
import type { GarbageOwner, ObjectKey, Tables } from '../ports.ts';
import { SET_KINDS, findSet } from '../machines/machine-set.ts';
import { FEW_TWINS } from '../resolve/mac-twins.ts';
import type { MachineKey } from './machine-key.ts';
import type { SetKey } from './reconcile-set.ts';
import { setKey } from './reconcile-set.ts';

/** A way of finding what is to be looked at; two of one name find the same. */
export interface Listing {
  readonly name: string;
  readonly list: (tables: Tables) => Promise<Found>;
}

interface Found {
  readonly sets: readonly SetKey[];
  readonly machines: readonly MachineKey[];
  readonly devices: readonly string[];
  readonly garbage?: readonly GarbageOwner[];
}

export const EVERYTHING: Listing = {
  name: 'everything',
  async list(tables) {
    const devices = await tables.devices.list();
    const unplaced = await listUnplaced(tables);
    return {
      machines: [
        ...unplaced.machines,
        ...(await listUnplacedVolumes(tables)),
        ...(await tables.machines.list()),
      ],
      sets: await listSets(tables),
      devices: devices.map(({ name }) => name),
      garbage: await tables.owners.garbage(),
    };
  },
};

/** Machines without a place, which any device's labels may change. */
export const UNPLACED: Listing = {
  name: 'unplaced machines',
  list: async (tables) => ({ ...(await listUnplaced(tables)), devices: [] }),
};

/** Whatever names an object. */
export function usersOf(key: ObjectKey): Listing {
  return {
    name: `what names ${key.kind} ${key.namespace}/${key.name}`,
    list: async ({ references }) => ({ machines: await references.to(key), sets: [], devices: [] }),
  };
}

/**
 * Those that have a MAC address. Where they are many (one template for all shops), each of them knows of another one
 * already: none is looked at because one more has come, or one of them gone.
 */
export function sharersOf(mac: string): Listing {
  return {
    name: `what has the MAC address ${mac}`,
    list: async ({ references }) => {
      const sharers = await references.to(macKey(mac), FEW_TWINS);
      return { machines: sharers.length < FEW_TWINS ? sharers : [], sets: [], devices: [] };
    },
  };
}

export function machinesOn(device: string): Listing {
  return {
    name: `machines on ${device}`,
    list: async ({ machines }) => ({ machines: await machines.list(device), sets: [], devices: [] }),
  };
}

/** Machines without a place, and the sets that are to choose one for theirs. */
async function listUnplaced({ objects, machines }: Tables): Promise<Pick<Found, 'machines' | 'sets'>> {
  const placed = new Set((await machines.list()).map(({ uid }) => uid));
  const kinds = ['VirtualMachine', 'VirtualMachineInstance'] as const;
  const lists = await Promise.all(
    kinds.map(async (kind) => {
      const list = await objects.list(`kubevirt.io/${kind}`);
      return list.map(({ metadata }) => {
        const namespace = metadata.namespace ?? '';
        return { kind, namespace, name: metadata.name, uid: metadata.uid ?? '', set: findSet(metadata) };
      });
    }),
  );
  const unplaced = lists.flat().filter(({ uid }) => !placed.has(uid));
  return {
    machines: unplaced.map(({ set, ...key }) => key),
    sets: unplaced.flatMap(({ namespace, set }) => (set === undefined ? [] : [{ ...set, namespace }])),
  };
}

async function listSets({ objects }: Tables): Promise<SetKey[]> {
  const lists = await Promise.all(
    SET_KINDS.map(async (kind) => {
      const list = await objects.list(setKey({ kind, namespace: '', name: '' }).kind);
      return list.map(({ metadata }): SetKey => {
        return { kind, namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid ?? '' };
      });
    }),
  );
  return lists.flat();
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
