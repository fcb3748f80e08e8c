import { applyChange, findChanges, overlaps } from '../../shared/base/diff-spec.ts';
import { formatSeconds } from '../../shared/base/time.ts';
import { DEVICE_LABEL } from '../../shared/model/device.ts';
import type { VirtualMachineInstance } from '../../shared/model/virtual-machine-instance.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import type { MachineRow } from '../ports.ts';
import { NODE_LABEL } from './desired.ts';

export interface Now {
  readonly nowMs: number;
  readonly uuid: () => string;
}

/** The instance object of a VirtualMachine's run, with the spec that the run was, or will be, started with. */
export function compileInstance(
  owner: VirtualMachine,
  row: MachineRow,
  before: VirtualMachineInstance | undefined,
  { nowMs, uuid }: Now,
): VirtualMachineInstance {
  const { metadata } = owner.spec.template;
  const { name, namespace = '', uid = '' } = owner.metadata;
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: {
      uid: uuid(),
      creationTimestamp: formatSeconds(nowMs),
      generation: 1,
      ...before?.metadata,
      name,
      namespace,
      labels: { ...metadata?.labels, [NODE_LABEL]: row.device, [DEVICE_LABEL]: row.device },
      annotations: { ...metadata?.annotations },
      ownerReferences: [
        {
          apiVersion: 'kubevirt.io/v1',
          kind: 'VirtualMachine',
          name,
          uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: specOfRun(owner, row, before),
  };
}

/**
 * What the run is made with: as described, but for what its device has not heard of, is about to change, or changes at
 * the next start only.
 */
function specOfRun(
  owner: VirtualMachine,
  { status }: MachineRow,
  before: VirtualMachineInstance | undefined,
): VirtualMachineInstance['spec'] {
  const { spec: given } = owner.spec.template;
  if (before === undefined || status?.process === undefined) return given;
  if (status.generation < (owner.metadata.generation ?? 1)) return before.spec;
  const { unmade, restartRequired } = status;
  // An agent of before, or one that does not know what the machine runs by.
  if (unmade === undefined) return restartRequired === undefined ? given : before.spec;
  const paths = [...unmade.live, ...unmade.atRestart];
  const made = findChanges(before.spec, given).filter(
    ({ path }) => !paths.some((unmadePath) => overlaps(unmadePath, path)),
  );
  return made.reduce<unknown>(applyChange, before.spec) as VirtualMachineInstance['spec'];
}

/** Whether an instance is that of a VirtualMachine, which speaks for it. */
export function isOwned({ metadata }: Pick<VirtualMachineInstance, 'metadata'>): boolean {
  const owners = metadata.ownerReferences ?? [];
  return owners.some(({ kind, controller }) => kind === 'VirtualMachine' && controller === true);
}

export function isOwnedBy({ metadata }: VirtualMachineInstance, owner: VirtualMachine): boolean {
  return (metadata.ownerReferences ?? []).some(({ uid }) => uid === owner.metadata.uid);
}
