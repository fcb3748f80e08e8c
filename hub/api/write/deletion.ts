import type { ResourceObject } from '../../../shared/model/kind.ts';
import {
  FOREGROUND_FINALIZER,
  GARBAGE_FINALIZERS,
  ORPHAN_FINALIZER,
} from '../../../shared/model/metadata.ts';
import type { ObjectKey, ObjectTable } from '../../ports.ts';
import { isDeleting, markDeleted } from './metadata.ts';

/**
 * What becomes of what an object owns (meta/v1 `DeletionPropagation`): it goes after the object, before it, or is let
 * go. Undefined where nobody says: then the object's own finalizers do.
 */
export type Propagation = 'Background' | 'Foreground' | 'Orphan' | undefined;

/**
 * Deletes an object: at once, or where finalizers hold it, by marking it for whoever is to take them off.
 * @returns the object as it waits; undefined where it is gone
 */
export async function takeAway(
  objects: ObjectTable,
  key: ObjectKey,
  object: ResourceObject,
  {
    propagation,
    nowMs,
    dryRun = false,
  }: { readonly propagation?: Propagation; readonly nowMs: number; readonly dryRun?: boolean },
): Promise<ResourceObject | undefined> {
  const finalizers = finalizersFor(object, propagation);
  if (finalizers.length === 0) {
    if (!dryRun) await objects.remove(key);
    return undefined;
  }
  const waiting = { ...object, metadata: { ...object.metadata, finalizers } };
  const marked = isDeleting(object.metadata) ? waiting : markDeleted(waiting, nowMs);
  return dryRun ? marked : objects.put(key, marked);
}

function finalizersFor({ metadata }: ResourceObject, propagation: Propagation): string[] {
  const held = metadata.finalizers ?? [];
  const others = held.filter((one) => !GARBAGE_FINALIZERS.includes(one));
  switch (propagation) {
    case undefined:
      return held;
    case 'Background':
      return others;
    case 'Foreground':
      return [...others, FOREGROUND_FINALIZER];
    case 'Orphan':
      return [...others, ORPHAN_FINALIZER];
  }
}
