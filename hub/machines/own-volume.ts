import { formatSeconds } from '../../shared/base/time.ts';
import type { DataVolume, DataVolumeStatus } from '../../shared/model/data-volume-object.ts';
import type { DataVolumeTemplate } from '../../shared/model/data-volume.ts';
import { DEVICE_LABEL } from '../../shared/model/device.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import type { Now } from './instance.ts';

/** The machine that a data volume was made for; undefined for one of its own. */
export function ownerOf({ metadata }: Pick<DataVolume, 'metadata'>) {
  const owners = metadata.ownerReferences ?? [];
  return owners.find(({ kind, controller }) => kind === 'VirtualMachine' && controller === true);
}

/** The object that shows one of a machine's data volumes, whose disk is the machine's. */
export function compileOwnVolume(
  owner: VirtualMachine,
  { metadata, spec }: DataVolumeTemplate,
  device: string | undefined,
  status: DataVolumeStatus,
  before: DataVolume | undefined,
  { nowMs, uuid }: Now,
): DataVolume {
  const { name, namespace = '', uid = '' } = owner.metadata;
  return {
    apiVersion: 'cdi.kubevirt.io/v1beta1',
    kind: 'DataVolume',
    metadata: {
      uid: uuid(),
      creationTimestamp: formatSeconds(nowMs),
      generation: 1,
      ...before?.metadata,
      name: metadata.name,
      namespace,
      labels: { ...metadata.labels, ...(device !== undefined && { [DEVICE_LABEL]: device }) },
      annotations: { ...metadata.annotations },
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
    status,
  };
}
