import type { Device } from '../../shared/model/device.ts';
import { HOSTNAME_LABEL } from '../../shared/model/device.ts';
import { deviceKey } from '../devices/ensure-device.ts';
import type { MachineObject } from '../machines/desired.ts';
import type { Candidate, Placement } from '../machines/place.ts';
import { describeElsewhere, matchesSelector, placeMachine } from '../machines/place.ts';
import type { MachineRow, Tables } from '../ports.ts';

/** A machine's row where it has a place, or now gets one; otherwise why it waits. */
export async function findPlace(tables: Tables, object: MachineObject) {
  const placement = await choosePlace(tables, selectorOf(object));
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

/** A selector by hostname needs no look at the other devices, of which there may be many: no two have the same. */
async function choosePlace(tables: Tables, selector: Readonly<Record<string, string>>): Promise<Placement> {
  const name = selector[HOSTNAME_LABEL];
  const named = name === undefined ? undefined : await tables.objects.get(deviceKey(name));
  if (named !== undefined && matchesSelector(selector, named.metadata.labels ?? {}))
    return { device: named.metadata.name };
  return placeMachine(selector, await listCandidates(tables));
}

/** Why a placed machine is not where it is now asked to be; undefined where it is. */
export async function findElsewhere(
  tables: Tables,
  object: MachineObject,
  device: string,
): Promise<string | undefined> {
  const selector = selectorOf(object);
  const own = await tables.objects.get(deviceKey(device));
  // Nearly always so: then the other devices, of which there may be many, need not be read.
  if (own !== undefined && matchesSelector(selector, own.metadata.labels ?? {})) return undefined;
  return describeElsewhere(selector, device, await listCandidates(tables));
}

function selectorOf(object: MachineObject): Readonly<Record<string, string>> {
  const spec = object.kind === 'VirtualMachine' ? object.spec.template.spec : object.spec;
  return spec.nodeSelector ?? {};
}

async function listCandidates({ objects }: Tables): Promise<Candidate[]> {
  const devices = (await objects.list('holdfast.dev/Device')) as unknown as Device[];
  return devices.map(({ metadata }) => ({ name: metadata.name, labels: metadata.labels ?? {} }));
}
