import type { ResourceObject } from '../../shared/model/kind.ts';
import type { GivenMac } from '../machines/mac-address.ts';
import { givenMacs, macKey } from '../machines/mac-address.ts';
import type { ReferringMachine, Tables } from '../ports.ts';

/**
 * Machines with one MAC address, anywhere in the fleet. Where their networks are one, they disturb each other; the hub
 * does not know which networks are, so that this is said, and nothing is refused.
 */

/** One of many shops' machines may be made from one template: of those with an address no more are looked at. */
export const FEW_TWINS = 3;

/** Of the addresses that a machine's description gives, those that another machine has, with one such machine each. */
export async function findTwins(object: ResourceObject, { references }: Tables): Promise<string[]> {
  const told: string[] = [];
  for (const given of givenMacs(object)) {
    const others = await references.to(macKey(given.mac), FEW_TWINS);
    const other = others.find(({ uid }) => uid !== object.metadata.uid);
    if (other !== undefined) told.push(describeTwin(given, other));
  }
  return told;
}

function describeTwin({ field, mac }: GivenMac, { kind, namespace, name }: ReferringMachine): string {
  return `${field}: ${mac} is also the address of ${kind} ${namespace}/${name}: in one network they disturb each other`;
}
