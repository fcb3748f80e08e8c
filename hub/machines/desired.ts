import { isRecord } from '../../shared/base/record.ts';
import type { DataVolume } from '../../shared/model/data-volume-object.ts';
import { DEVICE_LABEL } from '../../shared/model/device.ts';
import type {
  DesiredMachine,
  DesiredVolume,
  References,
  RemovedMachine,
} from '../../shared/model/machine.ts';
import type { VirtualMachineInstance } from '../../shared/model/virtual-machine-instance.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import { runStrategyOf } from '../../shared/model/virtual-machine.ts';
import { RESTART_ANNOTATION } from './pool-machine.ts';
import type { MachineRow } from '../ports.ts';
import { itemsAt } from './expansion.ts';

/** An object that stands for a machine: a VirtualMachine, or an instance that nobody owns. */
export type MachineObject = VirtualMachine | VirtualMachineInstance;

/** KubeVirt's annotations of an instance for its instancetype, by that one's scope. */
export const INSTANCETYPE_NAMES: readonly string[] = [
  'kubevirt.io/instancetype-name',
  'kubevirt.io/cluster-instancetype-name',
];

/** KubeVirt's label for the node that runs an instance. */
export const NODE_LABEL = 'kubevirt.io/nodeName';

/**
 * A machine's entry in its device's desired document; `object` is undefined once it is deleted. `released` is the order
 * given on the box that is to hold no more.
 */
export function compileEntry(
  row: MachineRow,
  object: MachineObject | undefined,
  released: string | undefined,
  references?: References,
): DesiredMachine | RemovedMachine | undefined {
  const { uid, kind, namespace, name } = row;
  const identity = { uid, kind, namespace, name };
  if (row.removing) return { ...identity, removed: true, ...graceOf(object) };
  if (object === undefined) return undefined;
  const generation = object.metadata.generation ?? 1;
  if (isHeldBack(row, generation)) return undefined;
  const release = released === undefined ? {} : { releasedOverride: released };
  const shown = shownMetadata(object, row.device);
  const common = { ...identity, generation, ...release, ...shown, ...(references && { references }) };
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
      {
        ...common,
        kind: 'VirtualMachineInstance',
        runStrategy: 'Once',
        dataVolumes: [],
        spec: object.spec,
      };
}

/** The entry of a data volume of its own; `object` is undefined once it is deleted. */
export function compileVolumeEntry(
  row: MachineRow,
  object: DataVolume | undefined,
  references?: References,
): DesiredVolume | RemovedMachine | undefined {
  const { uid, namespace, name } = row;
  const identity = { uid, kind: 'DataVolume' as const, namespace, name };
  if (row.removing) return { ...identity, removed: true };
  if (object === undefined) return undefined;
  const generation = object.metadata.generation ?? 1;
  if (isHeldBack(row, generation)) return undefined;
  const dataVolume = { metadata: { name }, spec: object.spec };
  return { ...identity, generation, dataVolume, ...(references && { references }) };
}

function isRestartedWhenRequired({ metadata }: VirtualMachine): boolean {
  return metadata.annotations?.[RESTART_ANNOTATION] === 'true';
}

/** Whether a machine whose object is of this generation is to be left as it is on its device. */
export function isHeldBack({ heldBack }: MachineRow, generation: number): boolean {
  return heldBack?.generation === generation;
}

/** The instance's labels and annotations, as far as the guest is shown them. */
function shownMetadata(
  object: MachineObject,
  device: string,
): Pick<DesiredMachine, 'labels' | 'annotations'> {
  const isMachine = object.kind === 'VirtualMachine';
  const spec = isMachine ? object.spec.template.spec : object.spec;
  const { labels, annotations } = (isMachine ? object.spec.template.metadata : object.metadata) ?? {};
  if (!itemsAt(spec, 'volumes').some(({ item }) => isRecord(item['downwardAPI']))) {
    // cloud-init tells the guest its instancetype.
    const named = Object.entries(annotations ?? {}).filter(([key]) => INSTANCETYPE_NAMES.includes(key));
    return named.length === 0 ? {} : { annotations: Object.fromEntries(named) };
  }
  return {
    labels: { ...labels, [NODE_LABEL]: device, [DEVICE_LABEL]: device },
    annotations: { ...annotations },
  };
}

function graceOf(object: MachineObject | undefined): Pick<RemovedMachine, 'terminationGracePeriodSeconds'> {
  const spec = object?.kind === 'VirtualMachine' ? object.spec.template.spec : object?.spec;
  const { terminationGracePeriodSeconds } = spec ?? {};
  return terminationGracePeriodSeconds === undefined ? {} : { terminationGracePeriodSeconds };
}
