import type { ResourceObject } from '../../shared/model/kind.ts';
import { groupKindOf } from '../../shared/model/kind.ts';
import { KINDS } from '../../shared/model/kinds.ts';
import { FOREGROUND_FINALIZER, ORPHAN_FINALIZER } from '../../shared/model/metadata.ts';
import { admitWrite } from '../admit.ts';
import { takeAway } from '../api/write/deletion.ts';
import { isDeleting } from '../api/write/metadata.ts';
import { SET_KINDS } from '../machines/machine-set.ts';
import type { GarbageOwner, ObjectKey, Tables } from '../ports.ts';

/** How many dependents are changed in one transaction, and how many are looked at. */
const MOST_CHANGED = 50;
const MOST_LISTED = 10_000;

type OwnerReference = NonNullable<ResourceObject['metadata']['ownerReferences']>[number];

interface Dependent {
  readonly key: ObjectKey;
  readonly object: ResourceObject;
}

/**
 * Kubernetes' garbage collection, for one owner: what it owned goes after it, or before it where it waits for that
 * (`foregroundDeletion`), or is let go (`orphan`). What machines and sets make of themselves goes with them in their
 * own time, and is only waited for. An owner that was never there owns nothing: a hub that lost its store would
 * otherwise delete, with their disks, machines whose set it does not know any more.
 * @returns `more` where there is more to be done at once, `waiting` where that is up to others
 */
export async function collectGarbage(
  tables: Tables,
  owner: GarbageOwner,
  nowMs: number,
): Promise<'done' | 'more' | 'waiting'> {
  const { uid, ...key } = owner;
  const found = await tables.objects.get(key);
  const object = found?.metadata.uid === uid ? found : undefined;
  const finalizers =
    object !== undefined && isDeleting(object.metadata) ? (object.metadata.finalizers ?? []) : [];
  const isWaiting = finalizers.includes(FOREGROUND_FINALIZER);
  const isLettingGo = finalizers.includes(ORPHAN_FINALIZER);
  if (object !== undefined && !isWaiting && !isLettingGo) {
    await tables.owners.settle(uid);
    return 'done';
  }
  const dependents = await findDependents(tables, owner);
  let changed = 0;
  for (const dependent of dependents) {
    if (changed === MOST_CHANGED) return 'more';
    const isDue = isLettingGo || (await canGo(tables, owner, dependent));
    if (!isDue) continue;
    if (isLettingGo) await letGo(tables, dependent, uid);
    else await collect(tables, dependent, uid, isWaiting, nowMs);
    changed += 1;
  }
  const left = changed > 0 ? await findDependents(tables, owner) : dependents;
  const blocking = isWaiting ? left.filter(({ object: one }) => blocks(one, uid)) : left;
  // What others see to in their own time is looked at again with everything else, now and then.
  if (blocking.length > 0) return object === undefined ? 'done' : 'waiting';
  await tables.owners.settle(uid);
  if (object !== undefined)
    await release(tables, key, object, isWaiting ? FOREGROUND_FINALIZER : ORPHAN_FINALIZER);
  return 'done';
}

/** Whether a dependent is to be deleted here and now: as with a client's deletion, the hub may have something against it. */
async function canGo(tables: Tables, owner: GarbageOwner, dependent: Dependent): Promise<boolean> {
  const { key, object } = dependent;
  if (isDeleting(object.metadata) || isMadeByHub(owner, dependent)) return false;
  const kind = KINDS.find((one) => groupKindOf(one) === key.kind);
  if (kind === undefined) return true;
  return (await admitWrite({ verb: 'delete', kind, object }, tables)).length === 0;
}

async function findDependents({ objects, owners }: Tables, { uid }: GarbageOwner): Promise<Dependent[]> {
  const found: Dependent[] = [];
  for (const key of await owners.dependents(uid, MOST_LISTED)) {
    const object = await objects.get(key);
    if (object !== undefined) found.push({ key, object });
  }
  return found;
}

/** Deletes what has no other owner that is there; what has one only forgets the one that is gone. */
async function collect(
  tables: Tables,
  dependent: Dependent,
  uid: string,
  inForeground: boolean,
  nowMs: number,
): Promise<void> {
  const { key, object } = dependent;
  const others = (object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== uid);
  for (const other of others) {
    if (await isThere(tables, key, other)) return letGo(tables, dependent, uid);
  }
  const owned = inForeground ? await tables.owners.dependents(object.metadata.uid ?? '', 1) : [];
  await takeAway(tables.objects, key, object, {
    nowMs,
    ...(owned.length > 0 && { propagation: 'Foreground' as const }),
  });
}

async function letGo({ objects }: Tables, { key, object }: Dependent, uid: string): Promise<void> {
  const { ownerReferences, ...metadata } = object.metadata;
  const left = (ownerReferences ?? []).filter((reference) => reference.uid !== uid);
  await objects.put(key, {
    ...object,
    metadata: { ...metadata, ...(left.length > 0 && { ownerReferences: left }) },
  });
}

async function isThere(
  { objects }: Tables,
  { namespace }: ObjectKey,
  { apiVersion, kind, name, uid }: OwnerReference,
): Promise<boolean> {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  for (const place of new Set([namespace, ''])) {
    const object = await objects.get({ kind: `${group}/${kind}`, namespace: place, name });
    // One that waits for what it owns holds nothing any more.
    if (object?.metadata.uid === uid)
      return !(object.metadata.finalizers ?? []).includes(FOREGROUND_FINALIZER);
  }
  return false;
}

function blocks({ metadata }: ResourceObject, uid: string): boolean {
  return (metadata.ownerReferences ?? []).some((one) => one.uid === uid && one.blockOwnerDeletion === true);
}

/** Whether a dependent is one of those by which a machine or a set is carried out, which its reconciler sees to. */
function isMadeByHub({ kind, uid }: GarbageOwner, { object }: Dependent): boolean {
  const makers: readonly string[] = ['VirtualMachine', ...SET_KINDS];
  const isMaker = makers.includes(kind.slice(kind.indexOf('/') + 1));
  const references = object.metadata.ownerReferences ?? [];
  return isMaker && references.some((one) => one.uid === uid && one.controller === true);
}

async function release(
  { objects }: Tables,
  key: ObjectKey,
  object: ResourceObject,
  finalizer: string,
): Promise<void> {
  const finalizers = (object.metadata.finalizers ?? []).filter((one) => one !== finalizer);
  if (finalizers.length === 0) return objects.remove(key);
  await objects.put(key, { ...object, metadata: { ...object.metadata, finalizers } });
}
