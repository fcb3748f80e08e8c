import { formatSeconds } from '../../shared/base/time.ts';
import type { KindDefinition, ResourceObject } from '../../shared/model/kind.ts';
import { groupKindOf } from '../../shared/model/kind.ts';
import { eventKind } from '../../shared/model/event.ts';
import { leaseKind } from '../../shared/model/lease.ts';
import { namespaceKind } from '../../shared/model/namespace.ts';
import { dnsLabel } from '../../shared/model/schema.ts';
import type { Clock, Random } from '../../shared/ports.ts';
import type { ObjectTable, Store } from '../ports.ts';
import { conflict, forbidden, invalid, notFound } from './errors.ts';
import { isDeleting } from './write/metadata.ts';

/** All that is particular to namespaces: the one kind that others live in. */

const NAMESPACE = groupKindOf(namespaceKind);
const NAME_LABEL = 'kubernetes.io/metadata.name';
const INITIAL = ['default', 'kube-system'];
/** What is of no worth once everything else of a namespace has gone. */
const PASSING = [eventKind, leaseKind].map(groupKindOf);

/** Makes the namespaces that every client takes to be there. */
export async function ensureNamespaces(store: Store, clock: Clock, random: Random): Promise<void> {
  await store.transaction(async ({ objects }) => {
    for (const name of INITIAL)
      await ensureNamespace(objects, name, { uid: random.uuid(), nowMs: clock.now() });
  });
}

/** Makes a namespace where there is none of its name. */
export async function ensureNamespace(
  objects: ObjectTable,
  name: string,
  { uid, nowMs }: { readonly uid: string; readonly nowMs: number },
): Promise<void> {
  const key = { kind: NAMESPACE, namespace: '', name };
  if ((await objects.get(key)) !== undefined) return;
  const metadata = { name, uid, generation: 1, creationTimestamp: formatSeconds(nowMs) };
  await objects.put(key, completeNamespace({ apiVersion: 'v1', kind: 'Namespace', metadata }));
}

/**
 * Checks that an object may be made in a namespace.
 * @throws ApiError 404 where there is no such namespace, 403 where it is about to go
 */
export async function requireNamespace(
  objects: ObjectTable,
  kind: KindDefinition,
  name: string,
): Promise<void> {
  const namespace = await objects.get({ kind: NAMESPACE, namespace: '', name });
  if (namespace === undefined) throw notFound(namespaceKind, name);
  if (isDeleting(namespace.metadata)) {
    throw forbidden(kind, '', `the namespace ${name} is being deleted`);
  }
}

/** What a namespace has beside what its author wrote; other kinds are left as they are. */
export function completeNamespace(object: ResourceObject): ResourceObject {
  if (object.kind !== namespaceKind.kind || object.apiVersion !== 'v1') return object;
  const { metadata } = object;
  if (!dnsLabel.safeParse(metadata.name).success) {
    const message = 'must be a DNS-1123 label: at most 63 lower case letters, digits and "-"';
    throw invalid(namespaceKind, metadata.name, [
      { field: 'metadata.name', reason: 'FieldValueInvalid', message },
    ]);
  }
  const labels = { ...metadata.labels, [NAME_LABEL]: metadata.name };
  return { status: { phase: 'Active' }, ...object, metadata: { ...metadata, labels } };
}

/**
 * Makes way for a namespace's going: events and leases go with it, anything else has to be deleted first, because
 * deleting a machine means deleting its disks.
 * @throws ApiError 409 naming what it holds, 403 where clients take it to be there
 */
export async function emptyNamespace(
  objects: ObjectTable,
  kinds: readonly KindDefinition[],
  name: string,
  dryRun: boolean,
): Promise<void> {
  if (INITIAL.includes(name)) throw forbidden(namespaceKind, name, 'this namespace may not be deleted');
  const held: string[] = [];
  for (const kind of kinds.filter(({ namespaced }) => namespaced)) {
    const inside = await objects.list(groupKindOf(kind), name);
    const isPassing = PASSING.includes(groupKindOf(kind));
    if (!isPassing && inside.length > 0) held.push(`${inside.length} ${kind.plural}`);
    if (!isPassing || dryRun) continue;
    for (const { metadata } of inside) {
      await objects.remove({ kind: groupKindOf(kind), namespace: name, name: metadata.name });
    }
  }
  if (held.length === 0) return;
  throw conflict(
    namespaceKind,
    name,
    `it still holds ${held.join(' and ')}: delete them first, each by its name`,
  );
}
