import type { FieldCause } from '../shared/model/validate.ts';
import type { Admission } from './api/context.ts';
import { admitDevice } from './devices/admit-device.ts';
import { admitObject } from './machines/admit-object.ts';
import { admitSize } from './machines/admit-size.ts';
import { admitMachine } from './machines/admit.ts';
import type { Tables } from './ports.ts';
import { admitProfile } from './resolve/admit-profile.ts';
import { admitVolumes } from './resolve/admit-volumes.ts';

/** All that the hub has against a write, beside what the kinds' schemas say. */
export async function admitWrite(admission: Admission, tables: Tables): Promise<FieldCause[]> {
  const { verb, object, previous } = admission;
  return [
    ...admitMachine(admission),
    ...admitObject(admission),
    ...(previous === undefined || verb !== 'update' ? [] : admitSize(object, previous)),
    ...(await admitProfile(admission, tables)),
    ...(await admitVolumes(admission, tables)),
    ...(await admitDevice(admission, tables)),
  ];
}
