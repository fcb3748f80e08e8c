import { formatSeconds } from '../../shared/base/time.ts';
import { HOSTNAME_LABEL } from '../../shared/model/device.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { ObjectKey, ObjectTable } from '../ports.ts';

export function deviceKey(name: string): ObjectKey {
  return { kind: 'holdfast.dev/Device', namespace: '', name };
}

/** Makes a device's object when its agent first connects; its labels are the operator's to add to. */
export async function ensureDevice(
  objects: ObjectTable,
  name: string,
  { uid, nowMs }: { readonly uid: string; readonly nowMs: number },
): Promise<void> {
  if ((await objects.get(deviceKey(name))) !== undefined) return;
  const device: ResourceObject = {
    apiVersion: 'holdfast.dev/v1alpha1',
    kind: 'Device',
    metadata: {
      name,
      uid,
      generation: 1,
      creationTimestamp: formatSeconds(nowMs),
      labels: { [HOSTNAME_LABEL]: name },
    },
  };
  await objects.put(deviceKey(name), device);
}
