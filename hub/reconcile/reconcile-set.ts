import { createHash } from 'node:crypto';
import { canonicalJson } from '../../shared/base/canonical-json.ts';
import { formatSeconds } from '../../shared/base/time.ts';
import { DEVICE_LABEL } from '../../shared/model/device.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import { formatLabelSelector } from '../../shared/model/label-selector.ts';
import type { MachineSetStatus } from '../../shared/model/machine-set.ts';
import type { ObjectMeta } from '../../shared/model/metadata.ts';
import type { VirtualMachinePool } from '../../shared/model/virtual-machine-pool.ts';
import { takeAway } from '../api/write/deletion.ts';
import { isDeleting, raiseGeneration } from '../api/write/metadata.ts';
import type { ConditionDraft } from '../machines/conditions.ts';
import { settleConditions } from '../machines/conditions.ts';
import type { Now } from '../machines/instance.ts';
import type { MachineSet, SetKind, SetMember } from '../machines/machine-set.ts';
import { MEMBER_KINDS, findSet, isFinished, isReady } from '../machines/machine-set.ts';
import type { Demand } from '../machines/node-affinity.ts';
import { meetsDemand, nameDemand, scoreDevice } from '../machines/node-affinity.ts';
import type { SetPlan } from '../machines/plan-set.ts';
import { planSet } from '../machines/plan-set.ts';
import { compilePoolMachine, indexOf } from '../machines/pool-machine.ts';
import { spreadMachines } from '../machines/spread.ts';
import type { ObjectKey, Tables } from '../ports.ts';
import type { Fleet } from './fleet.ts';
import { objectKey } from './machine-key.ts';
import { putMachine } from './put-machine.ts';

/** Names a set: its object, and that it is this one and not another that had its name. */
export interface SetKey {
  readonly kind: SetKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** How much of the template's hash tells its forms apart. */
const REVISION_DIGITS = 10;

/**
 * Brings a set's machines to their number and form, each on a device of its own as far as there are enough, and the
 * set's status to what there is. The machines of a set that is gone go too. Returns when to look again.
 */
export async function reconcileSet(
  tables: Tables,
  key: SetKey,
  fleet: Fleet,
  now: Now & { readonly fraction: () => number },
): Promise<number | undefined> {
  const { objects } = tables;
  const all = (await objects.list(
    `kubevirt.io/${MEMBER_KINDS[key.kind]}`,
    key.namespace,
  )) as unknown as SetMember[];
  const members = all.filter(({ metadata }) => findSet(metadata)?.uid === key.uid);
  const found = (await objects.get(setKey(key))) as MachineSet | undefined;
  // One that waits for its machines is as good as gone.
  if (found === undefined || found.metadata.uid !== key.uid || isDeleting(found.metadata)) {
    for (const member of members) await removeMember(tables, member, now);
    return undefined;
  }
  const revision = revisionOf(found);
  const names = new Set(all.map(({ metadata }) => metadata.name));
  const plan = planSet({ set: found, members, names, revision, nowMs: now.nowMs, fraction: now.fraction });
  for (const member of plan.remove) await removeMember(tables, member, now);
  for (const member of plan.update) {
    if (found.kind !== 'VirtualMachinePool') continue;
    const next = compilePoolMachine(found, indexOf(member.metadata.name), revision, member.metadata);
    const { namespace = '', name } = member.metadata;
    const changed = raiseGeneration({ ...member, ...next } as unknown as ResourceObject);
    await objects.put(objectKey({ kind: 'VirtualMachine', namespace, name }), changed);
  }
  const made = plan.create.map((name) => compileMember(found, name, revision, now));
  const kept = members.filter((member) => !plan.remove.includes(member) && isLive(member));
  await placeMembers(tables, found, [...kept, ...made], made, fleet);
  await putStatus(tables, found, [...kept, ...made], plan, now);
  return plan.wakeAtMs;
}

export function setKey({ kind, namespace, name }: Omit<SetKey, 'uid'>): ObjectKey {
  const group = kind === 'VirtualMachinePool' ? 'pool.kubevirt.io' : 'kubevirt.io';
  return { kind: `${group}/${kind}`, namespace, name };
}

function isLive(member: SetMember): boolean {
  return (member.metadata.deletionTimestamp ?? '') === '' && !isFinished(member);
}

function revisionOf(set: MachineSet): string {
  if (set.kind !== 'VirtualMachinePool') return '';
  const text = canonicalJson([set.spec.virtualMachineTemplate, set.spec.nameGeneration ?? {}]);
  return createHash('sha256').update(text).digest('hex').slice(0, REVISION_DIGITS);
}

/** As a client's DELETE would: at once, or where a finalizer holds it, marked for whoever is to take that off. */
async function removeMember(
  { objects }: Tables,
  member: SetMember,
  { nowMs }: Pick<Now, 'nowMs'>,
): Promise<void> {
  const { namespace = '', name } = member.metadata;
  if (isDeleting(member.metadata)) return;
  const key = objectKey({ kind: member.kind, namespace, name });
  await takeAway(objects, key, member as unknown as ResourceObject, { nowMs });
}

function compileMember(set: MachineSet, name: string, revision: string, { nowMs, uuid }: Now): SetMember {
  const metadata = {
    name,
    namespace: set.metadata.namespace ?? '',
    uid: uuid(),
    generation: 1,
    creationTimestamp: formatSeconds(nowMs),
    ownerReferences: [
      {
        apiVersion: set.apiVersion,
        kind: set.kind,
        name: set.metadata.name,
        uid: set.metadata.uid ?? '',
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  } satisfies ObjectMeta;
  if (set.kind === 'VirtualMachinePool') return compilePoolMachine(set, indexOf(name), revision, metadata);
  const { metadata: given, spec } = set.spec.template;
  const labels = { labels: given?.labels ?? {}, annotations: given?.annotations ?? {} };
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { ...metadata, ...labels },
    spec,
  };
}

/** Gives each machine that has no device one, and writes those that are new. */
async function placeMembers(
  tables: Tables,
  set: MachineSet,
  members: readonly SetMember[],
  made: readonly SetMember[],
  fleet: Fleet,
): Promise<void> {
  const homeless = members.filter(({ metadata }) => metadata.labels?.[DEVICE_LABEL] === undefined);
  if (homeless.length === 0) return;
  const demand = demandOf(set);
  const matching = fleet.candidates(demand).filter((device) => meetsDemand(demand, device));
  const connected = new Set(
    (await tables.devices.list()).flatMap(({ name, presence }) => (presence === 'connected' ? [name] : [])),
  );
  const counts = new Map<string, number>();
  for (const { metadata } of members) {
    const device = metadata.labels?.[DEVICE_LABEL];
    if (device !== undefined) counts.set(device, (counts.get(device) ?? 0) + 1);
  }
  const candidates = matching.map((device) => {
    const { name } = device;
    const members = counts.get(name) ?? 0;
    return { name, isConnected: connected.has(name), members, score: scoreDevice(demand, device) };
  });
  const devices = spreadMachines(candidates, homeless.length);
  for (const [index, member] of homeless.entries()) {
    const device = devices[index];
    if (device === undefined && !made.includes(member)) continue;
    const labels = { ...member.metadata.labels, ...(device !== undefined && { [DEVICE_LABEL]: device }) };
    await putMachine(tables, { ...member, metadata: { ...member.metadata, labels } });
  }
}

function demandOf(set: MachineSet): Demand {
  return set.kind === 'VirtualMachinePool'
    ? set.spec.virtualMachineTemplate.spec.template.spec
    : set.spec.template.spec;
}

async function putStatus(
  { objects }: Tables,
  set: MachineSet,
  members: readonly SetMember[],
  { create }: SetPlan,
  { nowMs }: Pick<Now, 'nowMs'>,
): Promise<void> {
  const drafts: ConditionDraft[] = [];
  if (set.spec.paused === true) {
    const message = 'the set makes, changes and removes nothing while spec.paused is true';
    drafts.push({ type: 'ReplicaPaused', status: 'True', reason: 'Paused', message });
  }
  const homeless = members.filter(({ metadata }) => metadata.labels?.[DEVICE_LABEL] === undefined);
  if (homeless.length > 0 && create.length === 0) {
    const message = `${homeless.length} machines have no device: none matches the template's ${nameDemand(demandOf(set))}`;
    drafts.push({ type: 'ReplicaFailure', status: 'True', reason: 'Unschedulable', message });
  }
  const conditions = settleConditions(drafts, set.status?.conditions, nowMs);
  const status: MachineSetStatus = {
    replicas: members.length,
    readyReplicas: members.filter(isReady).length,
    labelSelector: formatLabelSelector(set.spec.selector),
    ...(conditions.length > 0 && { conditions }),
  };
  const { kind, metadata } = set as VirtualMachinePool;
  const key = setKey({ kind, namespace: metadata.namespace ?? '', name: metadata.name });
  await objects.put(key, { ...(set as unknown as ResourceObject), status });
}
