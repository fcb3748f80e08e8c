import type { ResourceObject } from '../../shared/model/kind.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';

/** What KubeVirt's own webhook says of fields that it is to lose, in its words. */
export function findDeprecated(object: ResourceObject): string[] {
  if (object.kind !== 'VirtualMachine') return [];
  const { running } = (object as unknown as VirtualMachine).spec;
  return running === undefined ? [] : ['spec.running is deprecated, please use spec.runStrategy instead.'];
}
