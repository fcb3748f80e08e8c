import type { Device } from '../../shared/model/device.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { DesiredDocument } from '../../shared/protocol/desired.ts';
import { encodeDesired } from '../../shared/protocol/desired.ts';
import { describeDevice } from '../devices/describe-device.ts';
import { deviceKey, ensureDevice } from '../devices/ensure-device.ts';
import { heldMachines } from '../devices/held-machines.ts';
import type { MachineObject } from '../machines/desired.ts';
import { compileEntry } from '../machines/desired.ts';
import type { Now } from '../machines/instance.ts';
import { findRelease } from '../machines/override.ts';
import type { DeviceRow, DocumentRow, MachineRow, Tables, TimelineEntry } from '../ports.ts';
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
    await forgetDevice(tables, name);
    return false;
  }
  await ensureDevice(tables.objects, name, { uid: uuid(), nowMs });
  const object = (await tables.objects.get(deviceKey(name))) as Device | undefined;
  const machines = await tables.machines.list(name);
  // A device that knows more than this hub would be told to undo what it was told before.
  const made = row.untold ? undefined : await makeDocument(tables, row, machines, object);
  const after = made === undefined ? row : { ...row, generation: made.generation, desiredHash: made.hash };
  if (made !== undefined) {
    await tables.documents.put(made);
    await tables.devices.put(after);
    await noteDesired(tables, made, nowMs);
  }

  if (object !== undefined) {
    const streams = await tables.streams.getMany([name]);
    const heardAtMs = streams.find(({ epoch }) => epoch === row.epoch)?.heardAtMs;
    const status = describeDevice(after, machines, heardAtMs, object.status, nowMs);
    await tables.objects.put(deviceKey(name), { ...object, status } as unknown as ResourceObject);
  }
  return made !== undefined;
}

/** The device's next document; undefined where it would say what the newest says. */
async function makeDocument(
  { objects }: Tables,
  { name, generation, desiredHash }: DeviceRow,
  machines: readonly MachineRow[],
  device: Device | undefined,
): Promise<DocumentRow | undefined> {
  const entries = await Promise.all(
    machines.map(async (machine) => {
      const found = (await objects.get(objectKey(machine))) as MachineObject | undefined;
      const object = found?.metadata.uid === machine.uid ? found : undefined;
      const released = object === undefined ? undefined : findRelease(machine, object, device);
      return compileEntry(machine, object, released);
    }),
  );
  const document = { device: name, machines: entries.filter((entry) => entry !== undefined) };
  if (encodeDesired({ ...document, generation }).hash === desiredHash) return undefined;
  const next = generation + 1;
  return { device: name, generation: next, ...encodeDesired({ ...document, generation: next }) };
}

async function noteDesired(
  { timeline }: Tables,
  { device, generation, text }: DocumentRow,
  nowMs: number,
): Promise<void> {
  const { machines } = JSON.parse(text) as DesiredDocument;
  const names = machines.map((entry) => {
    const name = `${String(entry.namespace)}/${String(entry.name)}`;
    return 'removed' in entry ? `${name} (to be removed)` : `${name} (${String(entry.runStrategy)})`;
  });
  const entry: TimelineEntry = {
    device,
    kind: 'desired',
    type: 'Normal',
    reason: 'Desired',
    message: `generation ${generation}: ${names.length === 0 ? 'no machines' : names.join(', ')}`,
    happenedAtMs: nowMs,
    learnedAtMs: nowMs,
  };
  await timeline.append([entry]);
}

async function forgetDevice({ devices, documents, streams, held }: Tables, name: string): Promise<void> {
  await devices.remove(name);
  await documents.remove(name);
  await streams.removeDevice(name);
  await held.removeDevice(name);
}
