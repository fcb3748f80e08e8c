import { z } from 'zod';
import { fields, notYet } from '../schema.ts';
import { disk } from './disk.ts';
import { networkInterface } from './interface.ts';

/** KubeVirt's `Devices`. */
export const devices = fields(
  {
    disks: z.array(disk).optional(),
    interfaces: z.array(networkInterface).optional(),
    networkInterfaceMultiqueue: z
      .boolean()
      .meta({ description: 'Whether virtio cards on bridges have a queue for each virtual CPU.' })
      .optional(),
    rng: fields({}).optional(),
    autoattachPodInterface: z.boolean().optional(),
    autoattachGraphicsDevice: z.boolean().optional(),
    autoattachSerialConsole: z.literal(true).optional(),
  },
  notYet(
    'autoattachInputDevice',
    'autoattachMemBalloon',
    'autoattachVSOCK',
    'blockMultiQueue',
    'clientPassthrough',
    'disableHotplug',
    'downwardMetrics',
    'filesystems',
    'gpus',
    'hostDevices',
    'inputs',
    'logSerialConsole',
    'panicDevices',
    'sound',
    'tpm',
    'useVirtioTransitional',
    'video',
    'watchdog',
  ),
);
export type Devices = z.infer<typeof devices>;
