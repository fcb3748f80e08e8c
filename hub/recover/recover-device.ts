import type { MachineIdentity } from '../../shared/model/machine.ts';
import { isDeleting, markDeleted } from '../api/write/metadata.ts';
import { ensureNamespace } from '../api/namespaces.ts';
import { putUnknownMachine } from '../devices/put-event.ts';
import type { MachineObject } from '../machines/desired.ts';
import type { Now } from '../machines/instance.ts';
import type { DeviceRow, HeldEntry, MachineRow, Tables } from '../ports.ts';
import { objectKey } from '../reconcile/machine-key.ts';
import { claim, putMachine } from '../reconcile/put-machine.ts';
import { resolveProfile } from '../resolve/resolve-machine.ts';
import { advanceObject, outdoObject, rebuildObject, takeOverObject } from './compile-object.ts';
import { placeRow } from './place-row.ts';
import type { Found, Verdict } from './judge-entry.ts';
import { judgeEntry } from './judge-entry.ts';
import type { ReadEntry } from './read-entry.ts';
import { identityOf, readEntry } from './read-entry.ts';
import { rebuildReferences } from './rebuild-references.ts';
import { recoverVolume } from './recover-volume.ts';

/** What the history says of each verdict that changed something. */
const TOLD: Readonly<Record<Exclude<Verdict['kind'], 'agree' | 'leave'>, string>> = {
  place: 'was found on the device, where it was placed before',
  advance: 'was described anew before this hub was set back: its object is as the device has it',
  outdo: 'was described anew since this hub was set back: that goes to the device as the newer description',
  rebuild: 'was not known here: its object was made from what the device holds',
  'take-over':
    'was applied again before the device came back: that object is now the one of the machine there',
  remove: 'was deleted before this hub was set back, and is being deleted again',
  'hold-back': "can't be read as the device holds it: it is left as it is there until its object is changed",
};

/**
 * Brings together what a device said that it holds and what this hub has, so that its next document undoes nothing
 * that it was told before. The result says, a sentence for each, which machines were left alone.
 */
export async function recoverDevice(tables: Tables, device: DeviceRow, now: Now): Promise<string[]> {
  const held = await tables.held.list(device.name);
  const left: string[] = [];
  for (const one of held) {
    const read = readEntry(one.entry);
    const row = await tables.machines.get(one.uid);
    if (read.kind === 'volume' || (row ?? identityOf(read))?.kind === 'DataVolume') {
      const why = await takeVolume(tables, device, one, read, now);
      if (why !== undefined) left.push(why);
      continue;
    }
    const found = await find(tables, device, one, read, held);
    const verdict = judgeEntry(found);
    const subject = nameOf(identityOf(found.held), one.uid);
    if (verdict.kind === 'leave') {
      left.push(`${subject}: ${verdict.why}`);
      await putUnknownMachine(
        tables.objects,
        device,
        one.uid,
        `${subject} was left alone: ${verdict.why}`,
        now.nowMs,
      );
      continue;
    }
    await settle(tables, device, one, found, verdict, now);
    await tables.held.remove(device.name, one.uid);
    if (verdict.kind !== 'agree')
      await note(tables, device.name, `${subject} ${TOLD[verdict.kind]}`, now.nowMs);
  }
  return left;
}

/** The result says why a data volume was left alone, where it was. */
async function takeVolume(
  tables: Tables,
  device: DeviceRow,
  told: HeldEntry,
  read: ReadEntry,
  now: Now,
): Promise<string | undefined> {
  const { changed, left } = await recoverVolume(tables, device, told, read, now);
  const identity = identityOf(read);
  const subject = `data volume ${identity === undefined ? told.uid : `${identity.namespace}/${identity.name}`}`;
  if (left !== undefined) {
    const message = `${subject} was left alone: ${left}`;
    await putUnknownMachine(tables.objects, device, told.uid, message, now.nowMs);
    return `${subject}: ${left}`;
  }
  await tables.held.remove(device.name, told.uid);
  if (changed !== undefined) await note(tables, device.name, `${subject} ${changed}`, now.nowMs);
  return undefined;
}

async function find(
  tables: Tables,
  device: DeviceRow,
  { uid }: HeldEntry,
  held: Found['held'],
  all: readonly HeldEntry[],
): Promise<Found> {
  const { objects, machines } = tables;
  const row = await machines.get(uid);
  const identity = row ?? identityOf(held);
  const object =
    identity === undefined
      ? undefined
      : ((await objects.get(objectKey(identity))) as MachineObject | undefined);
  const other = object?.metadata.uid === uid ? undefined : object;
  const otherUid = other?.metadata.uid ?? '';
  return {
    device,
    held,
    row,
    object: other === undefined ? object : undefined,
    described: other === undefined && object !== undefined ? await describe(tables, object) : undefined,
    other,
    otherRow: await machines.get(otherUid),
    holdsOther: all.some((one) => one.uid === otherUid),
  };
}

/** An object as its device is told of it, as far as that is possible. */
async function describe(tables: Tables, object: MachineObject): Promise<MachineObject> {
  return (await resolveProfile(tables, object)).object ?? object;
}

async function settle(
  tables: Tables,
  device: DeviceRow,
  told: HeldEntry,
  { held, row, object, other, otherRow }: Found,
  { kind }: Exclude<Verdict, { kind: 'leave' }>,
  { nowMs, uuid }: Now,
): Promise<void> {
  const identity = row ?? identityOf(held);
  if (identity === undefined) return;
  const origin = { device: device.name, nowMs };
  const put = (made: MachineObject) => putMachine(tables, claim(made, device.name));
  const place = (change: Partial<MachineRow> = {}) =>
    tables.machines.put({ ...placeRow(device, identity, row, told), ...change });

  if (held.kind === 'machine') {
    if (kind === 'advance' && object !== undefined) await put(advanceObject(object, held.entry, origin));
    if (kind === 'outdo' && object !== undefined) await put(outdoObject(object, held.entry));
    if (kind === 'rebuild') {
      await ensureNamespace(tables.objects, identity.namespace, { uid: uuid(), nowMs });
      const { references } = held.entry;
      if (references !== undefined) {
        await rebuildReferences(tables, identity.namespace, references, origin, { nowMs, uuid });
      }
      await put(rebuildObject(held.entry, origin));
    }
  }
  if ((held.kind === 'machine' || held.kind === 'found') && kind === 'take-over' && other !== undefined) {
    // Another uid is another object to whoever watches: this one goes, and one of its name comes.
    await tables.objects.remove(objectKey(identity));
    if (otherRow !== undefined) await tables.machines.remove(otherRow.uid);
    await put(takeOverObject(other, held.entry, origin));
  }
  if (kind === 'remove' && object !== undefined && !isDeleting(object.metadata)) {
    await put(markDeleted(object as never, nowMs) as unknown as MachineObject);
  }
  if (kind === 'remove') return place({ removing: true });
  if (kind !== 'hold-back') return place();
  const generation = object?.metadata.generation ?? 1;
  return place({ heldBack: { reason: 'Unreadable', generation } });
}

function nameOf(identity: MachineIdentity | undefined, uid: string): string {
  return identity === undefined
    ? `machine ${uid}`
    : `machine ${identity.namespace}/${identity.name} (${uid})`;
}

async function note({ timeline }: Tables, device: string, message: string, nowMs: number): Promise<void> {
  const when = { happenedAtMs: nowMs, learnedAtMs: nowMs };
  await timeline.append([{ device, kind: 'state', type: 'Normal', reason: 'Recovered', message, ...when }]);
}
