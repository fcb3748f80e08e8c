import type { ObjectMeta } from '../../shared/model/metadata.ts';
import type { VirtualMachineInstanceReplicaSet } from '../../shared/model/virtual-machine-instance-replica-set.ts';
import type { VirtualMachineInstance } from '../../shared/model/virtual-machine-instance.ts';
import type { VirtualMachinePool } from '../../shared/model/virtual-machine-pool.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';

/** A set of machines, and the machines in it: a pool has VirtualMachines, a replica set has instances of their own. */
export type MachineSet = VirtualMachinePool | VirtualMachineInstanceReplicaSet;
export type SetMember = VirtualMachine | VirtualMachineInstance;

export const SET_KINDS = ['VirtualMachinePool', 'VirtualMachineInstanceReplicaSet'] as const;
export type SetKind = (typeof SET_KINDS)[number];

export const MEMBER_KINDS = {
  VirtualMachinePool: 'VirtualMachine',
  VirtualMachineInstanceReplicaSet: 'VirtualMachineInstance',
} as const satisfies Record<SetKind, SetMember['kind']>;

/** The set that an object belongs to: its controller, where that is one. */
export function findSet({ ownerReferences }: ObjectMeta) {
  const controller = (ownerReferences ?? []).find((owner) => owner.controller === true);
  const kind = SET_KINDS.find((known) => known === controller?.kind);
  return controller === undefined || kind === undefined
    ? undefined
    : { kind, name: controller.name, uid: controller.uid };
}

export function isReady({ kind, status }: SetMember): boolean {
  if (kind === 'VirtualMachine') return status?.ready === true;
  return (status?.conditions ?? []).some(({ type, status: is }) => type === 'Ready' && is === 'True');
}

/** Whether a machine is ready, and as its description now says: a change of it is not still on its way. */
export function isSettled(member: SetMember): boolean {
  if (!isReady(member)) return false;
  if (member.kind !== 'VirtualMachine') return true;
  const { metadata, status } = member;
  const needsRestart = (status?.conditions ?? []).some(
    ({ type, status: is }) => type === 'RestartRequired' && is === 'True',
  );
  return status?.observedGeneration === metadata.generation && !needsRestart;
}

/** Whether it is a run that has ended, and that nothing starts again. */
export function isFinished({ kind, status }: SetMember): boolean {
  return kind === 'VirtualMachineInstance' && (status?.phase === 'Succeeded' || status?.phase === 'Failed');
}
