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
  const { metadata, spec: given } = owner.spec.template;
  const { name, namespace = '', uid = '' } = owner.metadata;
  // Until its restart, a machine runs as it was before its last change.
  const spec = before !== undefined && row.status?.restartRequired !== undefined ? before.spec : given;
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
    spec,
  };
}

/** Whether an instance is that of a VirtualMachine, which speaks for it. */
export function isOwned({ metadata }: Pick<VirtualMachineInstance, 'metadata'>): boolean {
  const owners = metadata.ownerReferences ?? [];
  return owners.some(({ kind, controller }) => kind === 'VirtualMachine' && controller === true);
}

export function isOwnedBy({ metadata }: VirtualMachineInstance, owner: VirtualMachine): boolean {
  return (metadata.ownerReferences ?? []).some(({ uid }) => uid === owner.metadata.uid);
}
