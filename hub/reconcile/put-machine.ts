import type { ResourceObject } from '../../shared/model/kind.ts';
import type { MachineObject } from '../machines/desired.ts';
import type { Tables } from '../ports.ts';
import { objectKey } from './machine-key.ts';

/** Keeps a deleted machine's object until its device has removed the machine. */
export const FINALIZER = 'holdfast.dev/machine';

export async function putMachine({ objects }: Tables, object: MachineObject): Promise<void> {
  const { namespace = '', name } = object.metadata;
  await objects.put(objectKey({ kind: object.kind, namespace, name }), object as unknown as ResourceObject);
}
