import type { DataVolume } from '../../shared/model/data-volume-object.ts';
import { isDeleting } from '../api/write/metadata.ts';
import { describeVolume } from '../machines/describe-volume.ts';
import type { Now } from '../machines/instance.ts';
import { ownerOf } from '../machines/own-volume.ts';
import { findSourceReferences } from '../machines/references.ts';
import type { Tables } from '../ports.ts';
import { resolveVolume } from '../resolve/resolve-volume.ts';
import { findUsers } from '../resolve/volume-users.ts';
import { targetsOf } from './keep-references.ts';
import type { MachineKey } from './machine-key.ts';
import { objectKey } from './machine-key.ts';
import { placeVolumes } from './place-volumes.ts';
import { putMachine } from './put-machine.ts';
import { removeMachine } from './remove-machine.ts';

/**
 * Brings what the hub keeps of one data volume of its own in line: its object's status, and its going once nothing uses
 * it. Its device is that of the first machine that uses it. Returns the device whose desired document may differ now.
 */
export async function reconcileVolume(
  tables: Tables,
  key: MachineKey,
  { nowMs }: Now,
): Promise<string | undefined> {
  const row = await tables.machines.get(key.uid);
  const found = (await tables.objects.get(objectKey(row ?? key))) as DataVolume | undefined;
  const object = found?.metadata.uid === key.uid ? found : undefined;
  if (object !== undefined && ownerOf(object) !== undefined) return removeStray(tables, object);
  const users = object === undefined ? [] : await findUsers(tables, key, key.uid);
  const isGoing = object === undefined || isDeleting(object.metadata);
  if (isGoing && (users.length === 0 || row?.removing === true)) {
    return removeMachine(tables, key, row, object);
  }
  if (object === undefined) return undefined;

  const references = findSourceReferences(object.spec, 'spec');
  await tables.references.set({ ...key, kind: 'DataVolume' }, targetsOf(references, key));
  if (row !== undefined) await placeVolumes(tables, references, row);
  const problems = row === undefined ? [] : (await resolveVolume(tables, object, row.device)).problems;
  const waits = problems.map(({ message }) => message);
  const waiting = isGoing ? [`it is deleted when it is used no more: ${users.join(', ')} uses it`] : waits;
  const known = {
    name: key.name,
    row,
    device: row === undefined ? undefined : await tables.devices.get(row.device),
    waiting: waiting.length === 0 ? undefined : waiting.join('; '),
    nowMs,
  };
  await putMachine(tables, { ...object, status: describeVolume(known, object.status) });
  return row?.device;
}

/** The object of a machine's data volume whose machine is gone. */
async function removeStray({ objects }: Tables, volume: DataVolume): Promise<undefined> {
  const owner = ownerOf(volume);
  const { namespace = '', name } = volume.metadata;
  const machine = await objects.get(
    objectKey({ kind: 'VirtualMachine', namespace, name: owner?.name ?? '' }),
  );
  if (machine?.metadata.uid !== owner?.uid) {
    await objects.remove(objectKey({ kind: 'DataVolume', namespace, name }));
  }
  return undefined;
}
