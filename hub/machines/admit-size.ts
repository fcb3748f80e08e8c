import { quantityBytes } from '../../shared/base/quantity.ts';
import type { DataVolume } from '../../shared/model/data-volume-object.ts';
import type { DataVolumeTemplate } from '../../shared/model/data-volume.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';

/** Of a data volume, where its size is said. */
type Sized = DataVolumeTemplate['spec'];

/** As of a PersistentVolumeClaim in Kubernetes: a disk is not asked to be smaller than it was asked to be before. */
export function admitSize(object: ResourceObject, previous: ResourceObject): FieldCause[] {
  if (object.kind === 'DataVolume') {
    const [next, before] = [object as unknown as DataVolume, previous as unknown as DataVolume];
    return refuseSmaller(next.spec, before.spec, 'spec');
  }
  if (object.kind !== 'VirtualMachine') return [];
  const [next, before] = [object as unknown as VirtualMachine, previous as unknown as VirtualMachine];
  const known = new Map(
    (before.spec.dataVolumeTemplates ?? []).map(({ metadata, spec }) => [metadata.name, spec]),
  );
  return (next.spec.dataVolumeTemplates ?? []).flatMap(({ metadata, spec }, index) => {
    const same = known.get(metadata.name);
    return same === undefined ? [] : refuseSmaller(spec, same, `spec.dataVolumeTemplates[${index}].spec`);
  });
}

function refuseSmaller(next: Sized, before: Sized, path: string): FieldCause[] {
  if (bytesOf(next) >= bytesOf(before)) return [];
  const field = `${path}.${next.pvc === undefined ? 'storage' : 'pvc'}.resources.requests.storage`;
  return [{ field, reason: 'FieldValueForbidden', message: 'field can not be less than previous value' }];
}

/** 0 where the disk is to be as large as its image. */
function bytesOf({ storage, pvc }: Sized): number {
  const size = (storage ?? pvc)?.resources?.requests?.storage;
  return size === undefined ? 0 : quantityBytes(size);
}
