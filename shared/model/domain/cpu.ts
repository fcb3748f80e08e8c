import { z } from 'zod';
import { fields } from '../schema.ts';

/** More would need interrupt remapping, which a guest's operating system has to know. */
export const MOST_CPUS = 255;

const count = z.int().min(1).max(MOST_CPUS);
/** What QEMU calls models and features: nothing that would be an option of its own. */
const word = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'must be letters, digits, "_", "." or "-"');

const feature = fields({
  name: word.meta({ description: "The feature, by libvirt's or QEMU's name, e.g. vmx or pcid" }),
  policy: z
    .enum(['force', 'require', 'optional', 'disable'], {
      error: ({ input }) =>
        input === 'forbid'
          ? 'is not supported: what the box can do is no reason to refuse a machine; "disable" hides the feature'
          : undefined,
    })
    .meta({ description: 'force, require (the default), optional or disable' })
    .optional(),
});

const numa = fields({
  guestMappingPassthrough: fields({})
    .meta({ description: "The guest's memory and CPUs come from one NUMA node of the box" })
    .optional(),
});

/** KubeVirt's `CPU`. */
export const cpu = fields(
  {
    cores: count.meta({ description: 'Cores of a socket' }).optional(),
    sockets: count.meta({ description: 'Sockets; they can be added while the machine runs' }).optional(),
    threads: count.meta({ description: 'Threads of a core' }).optional(),
    maxSockets: count
      .meta({
        description:
          'The most sockets that can be added up to while the machine runs; four times those it has by default',
      })
      .optional(),
    model: word
      .meta({
        description:
          "host-model (the default) and host-passthrough are the box's own CPU under KVM and QEMU's most capable one under TCG; else a model that QEMU knows",
      })
      .optional(),
    features: z
      .array(feature)
      .meta({ description: 'Features that the CPU gets beside those of its model, or loses' })
      .optional(),
    dedicatedCpuPlacement: z
      .boolean()
      .meta({
        description:
          "The machine's CPUs are CPUs of the box that no other machine has (the agent's setting dedicatedCpus)",
      })
      .optional(),
    isolateEmulatorThread: z
      .boolean()
      .meta({
        description:
          'With dedicatedCpuPlacement: one CPU of the box more, for all that QEMU does beside running the guest',
      })
      .optional(),
    numa: numa.meta({ description: "How the guest's NUMA topology follows the box's" }).optional(),
  },
  {
    realtime:
      'the box would need a real-time kernel, tuned by hand; dedicatedCpuPlacement with isolateEmulatorThread keeps others off its CPUs',
  },
).superRefine(({ cores = 1, sockets = 1, threads = 1, maxSockets, ...value }, context) => {
  const refuse = (field: string, message: string) =>
    context.addIssue({ code: 'custom', path: [field], message });
  if (maxSockets !== undefined && sockets > maxSockets)
    refuse('sockets', `must be at most maxSockets, ${maxSockets}`);
  if ((maxSockets ?? sockets) * cores * threads > MOST_CPUS)
    refuse(
      maxSockets === undefined ? 'sockets' : 'maxSockets',
      `makes more than ${MOST_CPUS} CPUs with its cores and threads`,
    );
  const dedicated = value.dedicatedCpuPlacement === true;
  if (value.isolateEmulatorThread === true && !dedicated)
    refuse('isolateEmulatorThread', 'needs dedicatedCpuPlacement: true');
  if (value.numa?.guestMappingPassthrough !== undefined && !dedicated)
    refuse('numa', 'needs dedicatedCpuPlacement: true');
  if (dedicated && threads > 2) refuse('threads', 'must be at most 2 with dedicatedCpuPlacement');
});
export type Cpu = z.infer<typeof cpu>;
