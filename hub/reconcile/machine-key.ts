import type { MachineIdentity } from '../../shared/model/machine.ts';
import type { ObjectKey } from '../ports.ts';

/** Names a machine or a data volume: its object, and that it is this one and not another that had its name. */
export interface MachineKey {
  readonly kind: MachineIdentity['kind'];
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export function objectKey({ kind, namespace, name }: Omit<MachineKey, 'uid'>): ObjectKey {
  const group = kind === 'DataVolume' ? 'cdi.kubevirt.io' : 'kubevirt.io';
  return { kind: `${group}/${kind}`, namespace, name };
}

/** The instance object that is of a VirtualMachine's run, or would be. */
export function instanceKey({ namespace, name }: Pick<MachineKey, 'namespace' | 'name'>): ObjectKey {
  return objectKey({ kind: 'VirtualMachineInstance', namespace, name });
}
