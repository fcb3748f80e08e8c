import type { Device } from '../../shared/model/device.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import { encodeDesired } from '../../shared/protocol/desired.ts';
import { describeDevice } from '../devices/describe-device.ts';
import { deviceKey, ensureDevice } from '../devices/ensure-device.ts';
import { heldMachines } from '../devices/held-machines.ts';
import type { MachineObject } from '../machines/desired.ts';
import { compileEntry } from '../machines/desired.ts';
import type { Now } from '../machines/instance.ts';
import type { DeviceRow, Tables } from '../ports.ts';
import { objectKey } from './machine-key.ts';

/**
 * Makes the device's desired document anew and its object's status; the result is whether the document is new.
 * A device whose object was deleted is forgotten, unless it is in use: then its object is made again.
 */
export async function reconcileDevice(tables: Tables, name: string, { nowMs, uuid }: Now): Promise<boolean> {
  const row = await tables.devices.get(name);
  if (row === undefined) return false;
  const isDeleted = (await tables.objects.get(deviceKey(name))) === undefined;
  if (isDeleted && row.presence !== 'connected' && (await heldMachines(tables, name)).length === 0) {
    await tables.devices.remove(name);
    return false;
  }
  await ensureDevice(tables.objects, name, { uid: uuid(), nowMs });
  const rows = await tables.machines.list(name);
  const entries = await Promise.all(
    rows.map(async (machine) => {
      const object = (await tables.objects.get(objectKey(machine))) as MachineObject | undefined;
      return compileEntry(machine, object?.metadata.uid === machine.uid ? object : undefined);
    }),
  );
  const machines = entries.filter((entry) => entry !== undefined);
  const same = encodeDesired({ device: name, generation: row.generation, machines });
  const isNew = same.hash !== row.desiredHash;
  const generation = row.generation + 1;
  const made = isNew ? encodeDesired({ device: name, generation, machines }) : same;
  const after: DeviceRow = isNew
    ? { ...row, generation, desiredHash: made.hash, desiredText: made.text }
    : row;
  if (isNew) await tables.devices.put(after);

  const device = (await tables.objects.get(deviceKey(name))) as Device | undefined;
  if (device !== undefined) {
    const status = describeDevice(after, rows.length, device.status?.facts, device.status, nowMs);
    await tables.objects.put(deviceKey(name), { ...device, status } as unknown as ResourceObject);
  }
  return isNew;
}
