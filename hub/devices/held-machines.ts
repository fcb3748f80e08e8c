import type { MachineRow, Tables } from '../ports.ts';
import { objectKey } from '../reconcile/machine-key.ts';

/**
 * The machines that a device holds and that have an object. One that has lost its object, because its finalizer was
 * taken off by hand, is only remembered to be removed should the device come back: that keeps nothing.
 */
export async function heldMachines({ objects, machines }: Tables, device: string): Promise<MachineRow[]> {
  const held: MachineRow[] = [];
  for (const row of await machines.list(device)) {
    if ((await objects.get(objectKey(row)))?.metadata.uid === row.uid) held.push(row);
  }
  return held;
}
