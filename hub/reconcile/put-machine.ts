import type { DataVolume } from '../../shared/model/data-volume-object.ts';
import { DEVICE_LABEL } from '../../shared/model/device.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { MachineObject } from '../machines/desired.ts';
import type { Tables } from '../ports.ts';
import { objectKey } from './machine-key.ts';

/** Keeps a deleted machine's object until its device has removed the machine. */
export const FINALIZER = 'holdfast.dev/machine';

export async function putMachine({ objects }: Tables, object: MachineObject | DataVolume): Promise<void> {
  const { namespace = '', name } = object.metadata;
  await objects.put(objectKey({ kind: object.kind, namespace, name }), object as unknown as ResourceObject);
}

/** The object with its device's label and the finalizer that keeps it until that device is done with it. */
export function claim<T extends MachineObject | DataVolume>(object: T, device: string): T {
  const { labels, finalizers } = object.metadata;
  const metadata = {
    ...object.metadata,
    labels: { ...labels, [DEVICE_LABEL]: device },
    finalizers: [...(finalizers ?? []).filter((one) => one !== FINALIZER), FINALIZER],
  };
  return { ...object, metadata };
}
