import type { ResourceObject } from '../../shared/model/kind.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import type { VirtualMachineInstance } from '../../shared/model/virtual-machine-instance.ts';
import { isOwned } from './instance.ts';

/** What is asked of the API; `object` is already checked against its kind's schema. */
interface AdmissionRequest {
  readonly verb: 'create' | 'update' | 'delete';
  readonly object: ResourceObject;
}

/** Rules about machines that a schema can't say. */
export function admitMachine({ verb, object }: AdmissionRequest): FieldCause[] {
  if (object.kind !== 'VirtualMachineInstance') return [];
  const instance = object as unknown as VirtualMachineInstance;
  if (isOwned(instance)) return verb === 'delete' ? [refuseOwnedDelete(instance)] : [];
  return (instance.spec.volumes ?? []).flatMap(({ dataVolume }, index) =>
    dataVolume === undefined || verb === 'delete' ? [] : [refuseDataVolume(index)],
  );
}

function refuseOwnedDelete({ metadata }: VirtualMachineInstance): FieldCause {
  const message = `it is the run of VirtualMachine ${metadata.name}: set that one's spec.runStrategy to Halted to stop it`;
  return { field: 'metadata.ownerReferences', reason: 'FieldValueForbidden', message };
}

function refuseDataVolume(index: number): FieldCause {
  const message = 'only a VirtualMachine has data volumes (spec.dataVolumeTemplates)';
  return { field: `spec.volumes[${index}].dataVolume`, reason: 'FieldValueNotSupported', message };
}
