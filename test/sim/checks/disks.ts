import type { Witness } from '../witness.ts';
import type { Accuse } from './violations.ts';

/** Promise 2: no disk is removed unless its machine's object was deleted by someone, and none is made anew. */
export function createDisksCheck(accuse: Accuse): Partial<Witness> {
  const names = new Map<string, string>();
  const deleted = new Set<string>();
  const made = new Set<string>();
  const keyOf = (device: string, uid: string, dataVolume: string) => `${device} ${uid} ${dataVolume}`;

  return {
    objectStored({ uid, name }) {
      names.set(uid, name);
    },
    deletionAsked(name) {
      deleted.add(name);
    },
    madeDisk(device, uid, dataVolume) {
      const key = keyOf(device, uid, dataVolume);
      if (made.has(key)) accuse(device, `the disk ${dataVolume} of machine ${uid} is made anew`);
      made.add(key);
    },
    removing(device, uid, machine) {
      const name = names.get(uid);
      // A hub that was set back may have the machine again: it is made from nothing, since nothing is left.
      for (const dataVolume of machine.disks.keys()) made.delete(keyOf(device, uid, dataVolume));
      if (machine.process !== undefined) accuse(device, `machine ${uid} is removed while its process lives`);
      if (name === undefined || !deleted.has(name))
        accuse(device, `machine ${uid} (${name}) is removed, and nobody deleted it`);
    },
  };
}
