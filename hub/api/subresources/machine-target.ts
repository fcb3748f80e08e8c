import { phaseOf } from '../../../shared/model/machine-phase.ts';
import type { KindDefinition } from '../../../shared/model/kind.ts';
import { groupKindOf } from '../../../shared/model/kind.ts';
import type { InstanceSpec } from '../../../shared/model/instance-spec.ts';
import type { VirtualMachineInstance } from '../../../shared/model/virtual-machine-instance.ts';
import { virtualMachineInstanceKind } from '../../../shared/model/virtual-machine-instance.ts';
import type { VirtualMachine } from '../../../shared/model/virtual-machine.ts';
import { virtualMachineKind } from '../../../shared/model/virtual-machine.ts';
import type { DeviceRow, MachineRow, ReadTables, Tables } from '../../ports.ts';
import type { ApiContext } from '../context.ts';
import { conflict, notFound } from '../errors.ts';
import type { Target } from './subresource.ts';
import { findDevice } from './ask-device.ts';

/** A machine that something is asked of, and the device that it is on. */
export interface PlacedMachine {
  /** The kind that it was asked of as. */
  readonly kind: KindDefinition;
  readonly row: MachineRow;
  readonly device: DeviceRow;
  /** What an instance runs by. */
  readonly spec?: InstanceSpec;
}

/** @throws ApiError 404 */
export async function findVirtualMachine(
  { objects }: Pick<ReadTables, 'objects'>,
  { namespace, name }: Target,
): Promise<VirtualMachine> {
  const key = { kind: groupKindOf(virtualMachineKind), namespace, name };
  const object = await objects.get(key);
  if (object === undefined) throw notFound(virtualMachineKind, name);
  return object as unknown as VirtualMachine;
}

/** @throws ApiError 404, and 409 where it is on no device */
export async function findPlacedMachine({ store }: ApiContext, target: Target): Promise<PlacedMachine> {
  return store.transaction(async (tables) => {
    const { metadata } = await findVirtualMachine(tables, target);
    return placeOf(tables, virtualMachineKind, target.name, metadata.uid ?? '');
  });
}

/** The machine that an instance is a run of; @throws as `findPlacedMachine` */
export async function findInstanceMachine(
  { store }: ApiContext,
  { namespace, name }: Target,
): Promise<PlacedMachine> {
  return store.transaction(async (tables) => {
    const key = { kind: groupKindOf(virtualMachineInstanceKind), namespace, name };
    const instance = await tables.objects.get(key);
    if (instance === undefined) throw notFound(virtualMachineInstanceKind, name);
    const owner = instance.metadata.ownerReferences?.find(({ kind }) => kind === virtualMachineKind.kind);
    const uid = owner?.uid ?? instance.metadata.uid ?? '';
    const { spec } = instance as unknown as VirtualMachineInstance;
    return { ...(await placeOf(tables, virtualMachineInstanceKind, name, uid)), spec };
  });
}

async function placeOf(
  tables: Tables,
  kind: KindDefinition,
  name: string,
  uid: string,
): Promise<PlacedMachine> {
  const row = await tables.machines.get(uid);
  if (row === undefined) throw conflict(kind, name, 'it has not been put on a device yet');
  return { kind, row, device: await findDevice(tables, row.device) };
}

/** Whether the guest of a machine runs, as its device last said; a guest that is held runs too. */
export function isRunning({ status }: MachineRow): boolean {
  return status !== undefined && phaseOf(status.state) === 'Running';
}

/** Whether a machine's device has said that it has no run, or one that is over. */
export function isOver({ status }: MachineRow): boolean {
  if (status === undefined) return false;
  const phase = phaseOf(status.state);
  return phase === undefined || phase === 'Succeeded' || phase === 'Failed';
}

/** Whether a machine has a run that is not over, as its device last said. */
export function hasRun({ status }: MachineRow): boolean {
  const phase = status === undefined ? undefined : phaseOf(status.state);
  return phase === 'Running' || phase === 'Scheduled' || phase === 'Pending';
}
