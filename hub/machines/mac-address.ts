import type { ResourceObject } from '../../shared/model/kind.ts';
import type { InstanceSpec } from '../../shared/model/instance-spec.ts';
import type { VirtualMachineInstance } from '../../shared/model/virtual-machine-instance.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import type { ObjectKey } from '../ports.ts';

/** A card that its description gives an address, on a network where others could have it too. */
export interface GivenMac {
  /** Where it is given, from the object. */
  readonly field: string;
  /** In lower case, with colons. */
  readonly mac: string;
}

/**
 * The addresses that a machine's description gives its cards: pure. Behind masquerade a guest is alone in its network,
 * where any address will do.
 */
export function givenMacs(object: ResourceObject): GivenMac[] {
  if (object.kind !== 'VirtualMachine' && object.kind !== 'VirtualMachineInstance') return [];
  const path = object.kind === 'VirtualMachine' ? 'spec.template.spec' : 'spec';
  const spec: InstanceSpec =
    object.kind === 'VirtualMachine'
      ? (object as unknown as VirtualMachine).spec.template.spec
      : (object as unknown as VirtualMachineInstance).spec;
  return (spec.domain.devices.interfaces ?? []).flatMap(({ macAddress, bridge }, index) => {
    if (macAddress === undefined || bridge === undefined) return [];
    const field = `${path}.domain.devices.interfaces[${index}].macAddress`;
    return [{ field, mac: macAddress.toLowerCase().replaceAll('-', ':') }];
  });
}

/** An address as something that machines name: it is no object, and nothing is ever there by this key. */
export function macKey(mac: string): ObjectKey {
  return { kind: 'MACAddress', namespace: '', name: mac };
}
