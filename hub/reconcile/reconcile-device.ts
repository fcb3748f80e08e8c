import type { Device } from '../../shared/model/device.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { DesiredDocument } from '../../shared/protocol/desired.ts';
import { encodeDesired } from '../../shared/protocol/desired.ts';
import { describeDevice, ONE_BOX_ANNOTATION, saysTheSame } from '../devices/describe-device.ts';
import { deviceKey, ensureDevice } from '../devices/ensure-device.ts';
import { heldMachines } from '../devices/held-machines.ts';
import { isToTell } from '../devices/is-to-tell.ts';
import type { Now } from '../machines/instance.ts';
import type { DeviceRow, DocumentRow, MachineRow, Tables, TimelineEntry } from '../ports.ts';
import { recoverDevice } from '../recover/recover-device.ts';
import { makeEntry, readSent } from './make-entry.ts';

/** How many documents' hashes are remembered. */
const MADE_KEPT = 8;

/** There is a new document for it; it is to be asked for all that it knows; or neither. */
type Outcome = 'made' | 'asks' | 'same';

/**
 * Makes the device's desired document anew and its object's status. A device whose object was deleted is forgotten,
 * unless it is in use: then its object is made again.
 */
export async function reconcileDevice(tables: Tables, name: string, { nowMs, uuid }: Now): Promise<Outcome> {
  const found = await tables.devices.get(name);
  if (found === undefined) return 'same';
  const alone = await settleDuplicate(tables, found);
  const isDeleted = (await tables.objects.get(deviceKey(name))) === undefined;
  if (isDeleted && alone.presence !== 'connected' && (await heldMachines(tables, name)).length === 0) {
    await forgetDevice(tables, name);
    return 'same';
  }
  await ensureDevice(tables.objects, name, { uid: uuid(), nowMs });
  const leftAlone = isToTell(alone) ? [] : await recoverDevice(tables, alone, { nowMs, uuid });
  const row = await settleTold(tables, alone);
  const object = (await tables.objects.get(deviceKey(name))) as Device | undefined;
  const machines = await tables.machines.list(name);
  // A device that knows more than this hub would be told to undo what it was told before.
  const made = row.untold ? undefined : await makeDocument(tables, row, machines, object);
  const after = made === undefined ? row : noteMade(row, made);
  if (made !== undefined) {
    await tables.documents.put(made);
    await tables.devices.put(after);
    await noteDesired(tables, made, nowMs);
  }

  if (object !== undefined) {
    const streams = await tables.streams.getMany([name]);
    const heardAtMs = streams.find(({ epoch }) => epoch === row.epoch)?.heardAtMs;
    const run = machines.filter(({ kind }) => kind !== 'DataVolume');
    const status = describeDevice(after, leftAlone, run, heardAtMs, object.status, nowMs);
    if (!saysTheSame(object.status, status)) {
      await tables.objects.put(deviceKey(name), { ...object, status } as unknown as ResourceObject);
    }
  }
  if (made !== undefined) return 'made';
  return row.untold && !found.untold ? 'asks' : 'same';
}

/** What a device told has been brought together with what is here: from now on it gets documents again. */
async function settleTold({ devices }: Tables, row: DeviceRow): Promise<DeviceRow> {
  if (!row.untold || isToTell(row)) return row;
  const settled = { ...row, untold: false, toldAll: false };
  await devices.put(settled);
  return settled;
}

/** Takes an operator's word that of two boxes of this name one is left, which then is to tell all that it knows. */
async function settleDuplicate({ devices, objects }: Tables, row: DeviceRow): Promise<DeviceRow> {
  const device = await objects.get(deviceKey(row.name));
  const { [ONE_BOX_ANNOTATION]: word, ...annotations } = device?.metadata.annotations ?? {};
  if (device === undefined || word === undefined) return row;
  await objects.put(deviceKey(row.name), { ...device, metadata: { ...device.metadata, annotations } });
  if (row.duplicateSinceMs === undefined) return row;
  const { returnedAtMs, duplicateSinceMs, ...rest } = row;
  const alone = { ...rest, boots: row.boots.slice(0, 1), returns: 0, untold: true, toldAll: false };
  await devices.put(alone);
  return alone;
}

/** The device's next document; undefined where it would say what the newest says. */
async function makeDocument(
  tables: Tables,
  { name, generation, desiredHash }: DeviceRow,
  machines: readonly MachineRow[],
  device: Device | undefined,
): Promise<DocumentRow | undefined> {
  const sent = readSent(tables, name);
  const entries = await Promise.all(machines.map((machine) => makeEntry(tables, machine, device, sent)));
  const document: Omit<DesiredDocument, 'generation'> = {
    device: name,
    machines: entries.filter((entry) => entry !== undefined) as Record<string, unknown>[],
  };
  if (encodeDesired({ ...document, generation }).hash === desiredHash) return undefined;
  const next = generation + 1;
  return { device: name, generation: next, ...encodeDesired({ ...document, generation: next }) };
}

function noteMade(row: DeviceRow, { generation, hash }: DocumentRow): DeviceRow {
  const made = [{ generation, hash }, ...(row.made ?? [])].slice(0, MADE_KEPT);
  return { ...row, generation, desiredHash: hash, made };
}

async function noteDesired(
  { timeline }: Tables,
  { device, generation, text }: DocumentRow,
  nowMs: number,
): Promise<void> {
  const { machines } = JSON.parse(text) as DesiredDocument;
  const names = machines.map((entry) => {
    const name = `${String(entry.namespace)}/${String(entry.name)}`;
    if ('removed' in entry) return `${name} (to be removed)`;
    return `${name} (${entry.kind === 'DataVolume' ? 'data volume' : String(entry.runStrategy)})`;
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
