import { HOSTNAME_LABEL } from '../../shared/model/device.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import type { Tables } from '../ports.ts';
import { heldMachines } from './held-machines.ts';

/** What is asked of the API; `object` is already checked against its kind's schema. */
interface AdmissionRequest {
  readonly verb: 'create' | 'update' | 'delete';
  readonly object: ResourceObject;
}

/** How many of a device's machines a refusal names. */
const NAMED = 3;

/** Rules about devices that a schema can't say. */
export async function admitDevice({ verb, object }: AdmissionRequest, tables: Tables): Promise<FieldCause[]> {
  if (object.kind !== 'Device') return [];
  return verb === 'delete' ? refuseDelete(object.metadata.name, tables) : refuseOtherHostname(object);
}

/** A device that is in use would come back at once, without the labels by which machines find it. */
async function refuseDelete(name: string, tables: Tables): Promise<FieldCause[]> {
  const refuse = (field: string, message: string): FieldCause => {
    return { field, reason: 'FieldValueForbidden', message };
  };
  const causes: FieldCause[] = [];
  if ((await tables.devices.get(name))?.presence === 'connected') {
    const message = 'the device is connected, and would come back without its labels: stop its agent first';
    causes.push(refuse('status.conditions', message));
  }
  const held = await heldMachines(tables, name);
  if (held.length > 0) {
    const names = held.slice(0, NAMED).map((row) => `${row.namespace}/${row.name}`);
    const more = held.length > NAMED ? ` and ${held.length - NAMED} more` : '';
    const message = `the device holds ${held.length} machines (${names.join(', ')}${more}): delete them first`;
    causes.push(refuse('status.machines', message));
  }
  return causes;
}

/** Placement trusts this label to name one device, so no other may have it, and none may go without. */
function refuseOtherHostname({ metadata }: ResourceObject): FieldCause[] {
  if (metadata.labels?.[HOSTNAME_LABEL] === metadata.name) return [];
  const message = `the label ${HOSTNAME_LABEL} must be the device's name, ${metadata.name}`;
  return [{ field: 'metadata.labels', reason: 'FieldValueInvalid', message }];
}
