import { formatSeconds } from '../../shared/base/time.ts';
import type { DataVolume } from '../../shared/model/data-volume-object.ts';
import type { DesiredVolume } from '../../shared/model/machine.ts';
import { isDeleting } from '../api/write/metadata.ts';
import { ensureNamespace } from '../api/namespaces.ts';
import type { Now } from '../machines/instance.ts';
import type { DeviceRow, HeldEntry, MachineRow, Tables } from '../ports.ts';
import { objectKey } from '../reconcile/machine-key.ts';
import { claim, putMachine } from '../reconcile/put-machine.ts';
import { markRecovered } from './compile-object.ts';
import { placeRow } from './place-row.ts';
import type { ReadEntry } from './read-entry.ts';

/** What became of a data volume that a device holds: `changed` for the history, `left` for someone to see to. */
type Outcome = { readonly changed?: string; readonly left?: string };

/**
 * Brings together a data volume of its own, as a device holds it, and what this hub has of it. No disk is ever made
 * anew for one that is there: what is not known here is taken in, and what is in doubt is left alone.
 */
export async function recoverVolume(
  tables: Tables,
  device: DeviceRow,
  told: HeldEntry,
  held: ReadEntry,
  now: Now,
): Promise<Outcome> {
  const { objects, machines } = tables;
  const row = await machines.get(told.uid);
  const identity = row ?? (held.kind === 'unreadable' ? held.identity : held.entry);
  if (identity === undefined) return { left: 'what the device holds of it does not say which it is' };
  if (row !== undefined && row.device !== device.name) {
    return { left: `this hub has it on device ${row.device}: delete it on one of them` };
  }
  const found = (await objects.get(objectKey(identity))) as DataVolume | undefined;
  const object = found?.metadata.uid === told.uid ? found : undefined;
  const place = (change: Partial<MachineRow> = {}) =>
    machines.put({ ...placeRow(device, identity, row, told), ...change });
  const put = (volume: DataVolume) => putMachine(tables, claim(volume, device.name));

  if (held.kind === 'removed') {
    if (object !== undefined && !isDeleting(object.metadata)) {
      const deletionTimestamp = formatSeconds(now.nowMs);
      await put({ ...object, metadata: { ...object.metadata, deletionTimestamp } });
    }
    await place({ removing: true });
    return {};
  }
  if (row?.removing === true) return {};
  if (object !== undefined) {
    if (held.kind === 'volume') await put(takeNewer(object, held.entry));
    await place();
    return {};
  }
  if (row !== undefined) return {};
  if (held.kind !== 'volume') return { left: 'the device has its disk, and nothing that describes it' };
  if (found !== undefined && !(await isUntouched(tables, device, found))) {
    return {
      left: `its name is that of another DataVolume (${found.metadata.uid}): delete that one to have it taken in`,
    };
  }
  await ensureNamespace(objects, identity.namespace, { uid: now.uuid(), nowMs: now.nowMs });
  if (found !== undefined) {
    // Another uid is another object to whoever watches: this one goes, and one of its name comes.
    await objects.remove(objectKey(identity));
    await machines.remove(found.metadata.uid ?? '');
  }
  await put(rebuild(held.entry, { device: device.name, nowMs: now.nowMs }));
  await place();
  return { changed: 'was not known here: its object was made from what the device holds' };
}

/** Whether nothing has come yet of an object that was made again under the name of one that a device has. */
async function isUntouched(
  { machines }: Tables,
  device: DeviceRow,
  { metadata }: DataVolume,
): Promise<boolean> {
  if ((metadata.ownerReferences ?? []).length > 0 || isDeleting(metadata)) return false;
  const row = await machines.get(metadata.uid ?? '');
  return row === undefined || (row.device === device.name && row.status === undefined);
}

function takeNewer(object: DataVolume, { generation, dataVolume }: DesiredVolume): DataVolume {
  if (generation <= (object.metadata.generation ?? 1)) return object;
  return { ...object, metadata: { ...object.metadata, generation }, spec: dataVolume.spec };
}

function rebuild(
  { uid, namespace, name, generation, dataVolume }: DesiredVolume,
  origin: { readonly device: string; readonly nowMs: number },
): DataVolume {
  const creationTimestamp = formatSeconds(origin.nowMs);
  return {
    apiVersion: 'cdi.kubevirt.io/v1beta1',
    kind: 'DataVolume',
    metadata: markRecovered({ uid, namespace, name, generation, creationTimestamp }, origin),
    spec: dataVolume.spec,
  };
}
