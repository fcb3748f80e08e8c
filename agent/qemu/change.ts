import type { Change } from '../machine/change.ts';
import type { RunRecord } from '../ports.ts';
import { addCpus } from './hotplug-cpu.ts';
import { changeMedium, plugDisk, unplugDisk } from './hotplug-disk.ts';
import { changeInterface, plugInterface, unplugInterface } from './hotplug-interface.ts';
import { setMemory } from './hotplug-memory.ts';
import type { PlugContext } from './hotplug.ts';

/**
 * Makes a change of a machine that runs; the result is what of its record is another then. What an agent before this
 * one did of it is seen in QEMU and not done again.
 */
export async function makeChange(change: Change, context: PlugContext): Promise<Partial<RunRecord>> {
  switch (change.kind) {
    case 'note':
      return {};
    case 'add-cpus':
      return addCpus(context.qmp, change.count);
    case 'set-memory':
      return setMemory(context, change);
    case 'plug-disk':
      return plugDisk(context, change.disk);
    case 'unplug-disk':
      return unplugDisk(context, change.name);
    case 'change-medium':
      return changeMedium(context, change.disk);
    case 'plug-interface':
      return plugInterface(context, change.interface, change.machine);
    case 'unplug-interface':
      return unplugInterface(context, change.name);
    case 'change-interface':
      return changeInterface(context, change.interface);
  }
}
