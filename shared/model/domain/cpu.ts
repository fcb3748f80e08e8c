import { z } from 'zod';
import { fields, notYet } from '../schema.ts';

const count = z.int().min(1).max(512);

/** KubeVirt's `CPU`. */
export const cpu = fields(
  {
    cores: count.optional(),
    sockets: count.optional(),
    threads: count.optional(),
    maxSockets: count.optional(),
    /** The host's own CPU under KVM, and QEMU's most capable one under TCG. */
    model: z.enum(['host-model', 'host-passthrough']).optional(),
  },
  notYet('dedicatedCpuPlacement', 'features', 'isolateEmulatorThread', 'numa', 'realtime'),
);
export type Cpu = z.infer<typeof cpu>;
