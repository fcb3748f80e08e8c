import { DEVICE_LABEL } from '../../shared/model/device.ts';
import { deviceKey } from '../devices/ensure-device.ts';
import type { MachineObject } from '../machines/desired.ts';
import { findSet } from '../machines/machine-set.ts';
import type { Demand } from '../machines/node-affinity.ts';
import { meetsDemand } from '../machines/node-affinity.ts';
import { describeElsewhere, placeMachine, placeMember } from '../machines/place.ts';
import type { MachineRow, Tables } from '../ports.ts';
import type { Fleet } from './fleet.ts';

/** A machine's row where it has a place, or now gets one; otherwise why it waits. */
export async function findPlace(tables: Tables, object: MachineObject, fleet: Fleet) {
  const demand = demandOf(object);
  const candidates = fleet.candidates(demand);
  const set = findSet(object.metadata);
  const chosen = object.metadata.labels?.[DEVICE_LABEL];
  const placement =
    set === undefined
      ? placeMachine(demand, candidates)
      : placeMember(`${set.kind} ${set.name}`, chosen, demand, candidates);
  if ('waiting' in placement) return { row: undefined, waiting: placement.waiting };
  const { kind, metadata } = object;
  const row: MachineRow = {
    uid: metadata.uid ?? '',
    kind,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    device: placement.device,
    removing: false,
  };
  await tables.machines.put(row);
  return { row, waiting: '' };
}

/** Why a placed machine is not where it is now asked to be; undefined where it is. */
export async function findElsewhere(
  tables: Tables,
  object: MachineObject,
  device: string,
  fleet: Fleet,
): Promise<string | undefined> {
  const demand = demandOf(object);
  const own = await tables.objects.get(deviceKey(device));
  // Nearly always so: then the other devices, of which there may be many, need not be read.
  const labels = own?.metadata.labels ?? {};
  if (own !== undefined && meetsDemand(demand, { name: device, labels })) return undefined;
  return describeElsewhere(demand, device, fleet.candidates(demand));
}

function demandOf(object: MachineObject): Demand {
  return object.kind === 'VirtualMachine' ? object.spec.template.spec : object.spec;
}
