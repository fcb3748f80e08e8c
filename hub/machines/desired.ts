import type { DesiredMachine, RemovedMachine } from '../../shared/model/machine.ts';
import type { VirtualMachineInstance } from '../../shared/model/virtual-machine-instance.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import { runStrategyOf } from '../../shared/model/virtual-machine.ts';
import { RESTART_ANNOTATION } from './pool-machine.ts';
import type { MachineRow } from '../ports.ts';

/** An object that stands for a machine: a VirtualMachine, or an instance that nobody owns. */
export type MachineObject = VirtualMachine | VirtualMachineInstance;

/**
 * A machine's entry in its device's desired document; `object` is undefined once it is deleted. `released` is the order
 * given on the box that is to hold no more.
 */
export function compileEntry(
  row: MachineRow,
  object: MachineObject | undefined,
  released: string | undefined,
): DesiredMachine | RemovedMachine | undefined {
  const { uid, kind, namespace, name } = row;
  const identity = { uid, kind, namespace, name };
  if (row.removing) return { ...identity, removed: true, ...graceOf(object) };
  if (object === undefined) return undefined;
  const generation = object.metadata.generation ?? 1;
  if (isHeldBack(row, generation)) return undefined;
  const release = released === undefined ? {} : { releasedOverride: released };
  const common = { ...identity, generation, ...release };
  return object.kind === 'VirtualMachine'
    ? {
        ...common,
        kind: 'VirtualMachine',
        runStrategy: runStrategyOf(object.spec),
        ...(isRestartedWhenRequired(object) && { restartWhenRequired: true }),
        dataVolumes: object.spec.dataVolumeTemplates ?? [],
        spec: object.spec.template.spec,
      }
    : // An instance of its own is one run: nothing starts it again.
      { ...common, kind: 'VirtualMachineInstance', runStrategy: 'Once', dataVolumes: [], spec: object.spec };
}

function isRestartedWhenRequired({ metadata }: VirtualMachine): boolean {
  return metadata.annotations?.[RESTART_ANNOTATION] === 'true';
}

/** Whether a machine whose object is of this generation is to be left as it is on its device. */
export function isHeldBack({ heldBack }: MachineRow, generation: number): boolean {
  return heldBack?.generation === generation;
}

function graceOf(object: MachineObject | undefined): Pick<RemovedMachine, 'terminationGracePeriodSeconds'> {
  const spec = object?.kind === 'VirtualMachine' ? object.spec.template.spec : object?.spec;
  const { terminationGracePeriodSeconds } = spec ?? {};
  return terminationGracePeriodSeconds === undefined ? {} : { terminationGracePeriodSeconds };
}
