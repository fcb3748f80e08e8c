import type { DeviceRow, Tables } from '../ports.ts';
import { objectKey } from '../reconcile/machine-key.ts';

/** All that a device holds: these machines, of which each was told before. */
export interface Told {
  readonly epoch: string;
  readonly generation: number;
  readonly machines: readonly string[];
}

/**
 * Takes in that a device has told all that it holds, for `recoverDevice` to bring it together with what this hub has.
 * Called again with the same, it changes nothing.
 */
export async function takeTold(tables: Tables, device: DeviceRow, told: Told, nowMs: number): Promise<void> {
  const { held } = tables;
  const known = await held.list(device.name);
  for (const { uid, epoch } of known) {
    const isPast = epoch === told.epoch || device.duplicateSinceMs === undefined;
    if (isPast && !told.machines.includes(uid)) await held.remove(device.name, uid);
  }
  for (const uid of told.machines) {
    // Told in words that this hub does not know, or to a hub that was set back since: it is there all the same.
    if (known.some((one) => one.uid === uid)) continue;
    await held.put({ device: device.name, uid, entry: {}, heardAtMs: nowMs, epoch: told.epoch });
  }
  await holdBackGone(tables, device, told);
}

/**
 * Holds back the machines that the device has held and does not any more: they were deleted since, and would be made
 * anew with empty disks. What another store of its agent held says nothing: it may have been lost.
 */
async function holdBackGone({ objects, machines }: Tables, device: DeviceRow, told: Told): Promise<void> {
  for (const row of await machines.list(device.name)) {
    const { status, reportedAtMs, ...rest } = row;
    const wasThere = status !== undefined && row.reportedEpoch === told.epoch && told.generation > 0;
    if (!wasThere || row.removing || told.machines.includes(row.uid)) continue;
    const object = await objects.get(objectKey(row));
    const generation = object?.metadata.uid === row.uid ? (object.metadata.generation ?? 1) : 1;
    await machines.put({ ...rest, heldBack: { reason: 'Gone', generation } });
  }
}
