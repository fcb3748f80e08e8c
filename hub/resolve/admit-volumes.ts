import { isSameJson } from '../../shared/base/same-json.ts';
import type { DataVolume } from '../../shared/model/data-volume-object.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import { ownerOf } from '../machines/own-volume.ts';
import type { Tables } from '../ports.ts';
import { findUsers } from './volume-users.ts';

/** Rules about data volumes: what would cost a disk that someone else has, or be without effect, is refused. */

interface Request {
  readonly verb: 'create' | 'update' | 'delete';
  readonly object: ResourceObject;
  readonly previous?: ResourceObject;
}

export async function admitVolumes(request: Request, tables: Tables): Promise<readonly FieldCause[]> {
  const { verb, object, previous } = request;
  if (object.kind === 'VirtualMachine' && verb === 'delete') {
    return refuseUsed(object as unknown as VirtualMachine, tables);
  }
  if (object.kind !== 'DataVolume') return [];
  const volume = object as unknown as DataVolume;
  const owner = ownerOf(previous === undefined ? volume : (previous as unknown as DataVolume));
  if (owner !== undefined) {
    const isChanged = previous === undefined || !isSameJson(object.spec, previous.spec);
    if (verb === 'update' && !isChanged) return [];
    const message = `it is of VirtualMachine ${owner.name}: change that one's spec.dataVolumeTemplates instead`;
    return [{ field: 'metadata.ownerReferences', reason: 'FieldValueForbidden', message }];
  }
  if (verb !== 'update' || previous === undefined) return [];
  const before = previous as unknown as DataVolume;
  if (isSameJson(withoutSize(volume), withoutSize(before))) return [];
  const message = "can't be changed, but for its size: a disk is filled once; make another one";
  return [{ field: 'spec', reason: 'FieldValueForbidden', message }];
}

/** Which other machines have disks of a machine that is to be deleted. */
async function refuseUsed({ metadata, spec }: VirtualMachine, tables: Tables): Promise<FieldCause[]> {
  const { namespace = '', uid = '' } = metadata;
  const causes: FieldCause[] = [];
  for (const [index, template] of (spec.dataVolumeTemplates ?? []).entries()) {
    const { name } = template.metadata;
    const users = await findUsers(tables, { namespace, name }, uid);
    if (users.length === 0) continue;
    const message = `its disk ${name} is deleted with it, and ${users.join(' and ')} uses that`;
    const field = `spec.dataVolumeTemplates[${index}]`;
    causes.push({ field, reason: 'FieldValueForbidden', message });
  }
  return causes;
}

function withoutSize({ spec, metadata }: DataVolume): object {
  const { storage, pvc, ...rest } = spec;
  return {
    ...rest,
    storage: storage && { ...storage, resources: undefined },
    pvc: pvc && { ...pvc, resources: undefined },
    owners: metadata.ownerReferences,
  };
}
