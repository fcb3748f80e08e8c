import type { DataVolume } from '../../shared/model/data-volume-object.ts';
import type { VirtualMachineInstance } from '../../shared/model/virtual-machine-instance.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import type { MachineObject } from '../machines/desired.ts';
import { isOwned, isOwnedBy } from '../machines/instance.ts';
import type { MachineRow, Tables } from '../ports.ts';
import { keepReferences } from './keep-references.ts';
import type { MachineKey } from './machine-key.ts';
import { instanceKey, objectKey } from './machine-key.ts';
import { FINALIZER, putMachine } from './put-machine.ts';

/**
 * Takes a deleted machine further: told to its device, and forgotten when that has removed it. Its object may be
 * gone before (a finalizer taken off by hand, because the device never comes back): then the row alone remembers it.
 */
export async function removeMachine(
  tables: Tables,
  key: MachineKey,
  row: MachineRow | undefined,
  object: MachineObject | DataVolume | undefined,
): Promise<string | undefined> {
  const isGone = row?.status?.state === 'Removed';
  if (row !== undefined && !isGone) {
    if (!row.removing) await tables.machines.put({ ...row, removing: true });
    if (object?.kind === 'VirtualMachine') {
      const status = { ...object.status, printableStatus: 'Terminating' };
      await putMachine(tables, { ...object, status });
    }
    return row.device;
  }
  if (row !== undefined) await tables.machines.remove(row.uid);
  await keepReferences(tables, row ?? key, undefined);
  if (object !== undefined) await release(tables, object);
  return row?.device;
}

async function release(tables: Tables, object: MachineObject | DataVolume): Promise<void> {
  const { objects } = tables;
  const { namespace = '', name } = object.metadata;
  if (object.kind === 'VirtualMachine') {
    const instance = instanceKey({ namespace, name });
    const owned = (await objects.get(instance)) as VirtualMachineInstance | undefined;
    if (owned !== undefined && isOwnedBy(owned, object)) await objects.remove(instance);
  }
  const finalizers = (object.metadata.finalizers ?? []).filter((one) => one !== FINALIZER);
  if (finalizers.length === 0) await objects.remove(objectKey({ kind: object.kind, namespace, name }));
  else await putMachine(tables, { ...object, metadata: { ...object.metadata, finalizers } });
}

/**
 * Removes the instance of that name if its VirtualMachine is not the one there, as Kubernetes' garbage collection
 * would: nobody else speaks for it, clients can't delete it, and a new VirtualMachine would never get its own.
 */
export async function removeStrayInstance(
  { objects }: Tables,
  { namespace, name }: Pick<MachineKey, 'namespace' | 'name'>,
): Promise<void> {
  const instance = (await objects.get(instanceKey({ namespace, name }))) as
    VirtualMachineInstance | undefined;
  if (instance === undefined || !isOwned(instance)) return;
  const owner = (await objects.get(objectKey({ kind: 'VirtualMachine', namespace, name }))) as
    VirtualMachine | undefined;
  if (owner === undefined || !isOwnedBy(instance, owner))
    await objects.remove(instanceKey({ namespace, name }));
}
