import type { Device } from '../../shared/model/device.ts';
import { DEVICE_LABEL } from '../../shared/model/device.ts';
import type { VirtualMachineInstance } from '../../shared/model/virtual-machine-instance.ts';
import { runStrategyOf } from '../../shared/model/virtual-machine.ts';
import { isDeleting } from '../api/metadata.ts';
import { deviceKey } from '../devices/ensure-device.ts';
import type { MachineObject } from '../machines/desired.ts';
import type { Knowledge } from '../machines/describe-machine.ts';
import { describeInstance, describeVirtualMachine, hasInstance } from '../machines/describe-machine.ts';
import type { Now } from '../machines/instance.ts';
import { compileInstance, isOwned, isOwnedBy } from '../machines/instance.ts';
import { findRelease } from '../machines/override.ts';
import type { MachineRow, Tables } from '../ports.ts';
import type { Fleet } from './fleet.ts';
import type { MachineKey } from './machine-key.ts';
import { instanceKey, objectKey } from './machine-key.ts';
import { findElsewhere, findPlace } from './place-machine.ts';
import { FINALIZER, putMachine } from './put-machine.ts';
import { removeMachine, removeStrayInstance } from './remove-machine.ts';

/**
 * Brings what the hub keeps of one machine in line: its placement, its object's status, its instance object.
 * Level-triggered: with nothing to do it changes nothing. Returns the device whose desired document may differ now.
 */
export async function reconcileMachine(
  tables: Tables,
  key: MachineKey,
  fleet: Fleet,
  now: Now,
): Promise<string | undefined> {
  const { objects, machines } = tables;
  await removeStrayInstance(tables, key);
  const row = await machines.get(key.uid);
  // A row knows its machine's name. A key may have come from an owner reference, in which clients write what they
  // like: by a wrong name there, a machine would be taken for deleted, and lose its disks.
  const found = (await objects.get(objectKey(row ?? key))) as MachineObject | undefined;
  const object = found?.metadata.uid === key.uid ? found : undefined;
  if (object?.kind === 'VirtualMachineInstance' && isOwned(object)) return undefined;
  if (object === undefined || isDeleting(object.metadata)) return removeMachine(tables, row, object);

  const placed = row === undefined ? await findPlace(tables, object, fleet) : { row, waiting: '' };
  const labelled = placed.row === undefined ? object : claim(object, placed.row.device);
  await project(tables, labelled, placed.row, placed.waiting, fleet, now);
  return placed.row?.device;
}

/** The order given on the box that the hub has released, where one holds. */
async function released(
  { objects }: Tables,
  object: MachineObject,
  row: MachineRow | undefined,
): Promise<string | undefined> {
  if (row?.status?.override === undefined) return undefined;
  return findRelease(row, object, (await objects.get(deviceKey(row.device))) as Device | undefined);
}

/** The object with its device's label and the finalizer that keeps it until that device is done with it. */
function claim<T extends MachineObject>(object: T, device: string): T {
  const { labels, finalizers } = object.metadata;
  const metadata = {
    ...object.metadata,
    labels: { ...labels, [DEVICE_LABEL]: device },
    finalizers: [...(finalizers ?? []).filter((one) => one !== FINALIZER), FINALIZER],
  };
  return { ...object, metadata };
}

async function project(
  tables: Tables,
  object: MachineObject,
  row: MachineRow | undefined,
  waiting: string,
  fleet: Fleet,
  now: Now,
) {
  const known: Knowledge = {
    generation: object.metadata.generation ?? 1,
    runStrategy: object.kind === 'VirtualMachine' ? runStrategyOf(object.spec) : 'Once',
    deleting: isDeleting(object.metadata),
    row,
    device: row === undefined ? undefined : await tables.devices.get(row.device),
    waiting,
    elsewhere: row === undefined ? undefined : await findElsewhere(tables, object, row.device, fleet),
    released: await released(tables, object, row),
    nowMs: now.nowMs,
  };
  if (object.kind === 'VirtualMachineInstance') {
    return putMachine(tables, { ...object, status: describeInstance(known, object.status) });
  }
  await putMachine(tables, { ...object, status: describeVirtualMachine(known, object.status) });
  const { namespace = '', name } = object.metadata;
  const key = instanceKey({ namespace, name });
  const before = (await tables.objects.get(key)) as VirtualMachineInstance | undefined;
  // An instance of that name that stands for a machine of its own.
  if (before !== undefined && !isOwnedBy(before, object)) return;
  if (row !== undefined && hasInstance(known)) {
    const instance = compileInstance(object, row, before, now);
    await putMachine(tables, { ...instance, status: describeInstance(known, before?.status) });
  } else if (before !== undefined) {
    await tables.objects.remove(key);
  }
}
