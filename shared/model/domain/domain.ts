import { z } from 'zod';
import { fields, notYet } from '../schema.ts';
import { cpu } from './cpu.ts';
import { devices } from './devices.ts';
import { firmware } from './firmware.ts';
import { memory, resources } from './memory.ts';

/** KubeVirt's `DomainSpec`: the virtual hardware, as far as Holdfast runs it. */
export const domain = fields(
  {
    cpu: cpu.optional(),
    memory: memory.optional(),
    resources: resources.optional(),
    devices,
    firmware: firmware.optional(),
    rebootPolicy: z
      .enum(['Reboot', 'Terminate'])
      .meta({
        description:
          'What a reboot by the guest does: Reboot (the default) goes on in the same run, Terminate ends the run.',
      })
      .optional(),
    machine: fields({ type: z.enum(['q35', '']).optional() }).optional(),
  },
  notYet('chassis', 'clock', 'features', 'ioThreads', 'ioThreadsPolicy', 'launchSecurity'),
);
export type Domain = z.infer<typeof domain>;

/** Whether the domain says how much memory it has, which an instancetype may say in its place. */
export function hasMemory({ memory: given, resources: wanted }: Domain): boolean {
  return (given?.guest ?? wanted?.requests?.memory ?? wanted?.limits?.memory) !== undefined;
}
