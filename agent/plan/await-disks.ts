import type { CompiledMachine } from '../machine/compile.ts';
import type { MachineMemory } from './memory.ts';
import type { Draft, Situation } from './plan.ts';
import { waiting } from './plan.ts';

/**
 * What to say of a machine that is to show data volumes of others whose disks are not there yet; undefined where all are.
 * @param then what is done once they are
 */
export function awaitDisks(
  { hasDisk }: Situation,
  memory: MachineMemory,
  disks: CompiledMachine['disks'],
  then: string,
): Draft | undefined {
  for (const { name, content } of disks) {
    const disk = content.from === 'layer' ? content.over : content;
    if (disk.from !== 'other' || hasDisk(disk.uid, disk.dataVolume)) continue;
    const message = `volume ${name} shows the data volume ${disk.dataVolume}, whose disk is not on this box yet: ${then} once it is`;
    return waiting(memory, 'Provisioning', 'WaitingForDataVolume', message);
  }
  return undefined;
}
