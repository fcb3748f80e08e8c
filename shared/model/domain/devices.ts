import { z } from 'zod';
import { fields, meaningless } from '../schema.ts';
import { gpu, hostDevice, input, panicDevice, sound, tpm, video, watchdog } from './device.ts';
import { disk } from './disk.ts';
import { networkInterface } from './interface.ts';

/** KubeVirt's `Devices`. */
export const devices = fields(
  {
    disks: z
      .array(disk)
      .meta({ description: 'The disks, in their order; a volume that none names gets one too' })
      .optional(),
    interfaces: z.array(networkInterface).meta({ description: 'The network cards' }).optional(),
    inputs: z.array(input).meta({ description: 'Pointers' }).optional(),
    rng: fields({}).meta({ description: "Random numbers of the box's for the guest" }).optional(),
    watchdog: watchdog.meta({ description: 'What acts when the guest hangs' }).optional(),
    tpm: tpm.meta({ description: 'A TPM 2.0, which swtpm plays' }).optional(),
    sound: sound.meta({ description: 'A sound card' }).optional(),
    video: video.meta({ description: 'The display card' }).optional(),
    panicDevices: z
      .array(panicDevice)
      .max(3)
      .meta({ description: 'What the guest tells its panics by' })
      .optional(),
    hostDevices: z
      .array(hostDevice)
      .meta({ description: "PCI and USB devices of the box's, for this machine alone" })
      .optional(),
    gpus: z.array(gpu).meta({ description: "GPUs of the box's, for this machine alone" }).optional(),
    autoattachPodInterface: z
      .boolean()
      .meta({
        description: 'Whether a machine without interfaces gets one on the pod network; true by default',
      })
      .optional(),
    autoattachGraphicsDevice: z
      .boolean()
      .meta({ description: 'Whether there is a display card; true by default' })
      .optional(),
    autoattachInputDevice: z
      .boolean()
      .meta({ description: 'Whether a machine without inputs gets a USB tablet; false by default' })
      .optional(),
    autoattachMemBalloon: z
      .boolean()
      .meta({
        description:
          'Whether a running guest can be given less memory than at its start (a balloon); true by default',
      })
      .optional(),
    autoattachSerialConsole: z
      .boolean()
      .meta({ description: 'Whether there is a serial console; true by default' })
      .optional(),
    logSerialConsole: z
      .boolean()
      .meta({
        description:
          "Whether what the guest writes to it is kept in the machine's console.log; true by default",
      })
      .optional(),
    blockMultiQueue: meaningless(
      z.boolean().meta({ description: 'Whether virtio disks have a queue for each CPU' }),
      'they have one anyway',
    ).optional(),
    networkInterfaceMultiqueue: z
      .boolean()
      .meta({ description: 'Whether virtio cards on bridges have a queue for each CPU; false by default' })
      .optional(),
    useVirtioTransitional: z
      .boolean()
      .meta({ description: 'Virtio devices that guests of before virtio 1.0 know as well; false by default' })
      .optional(),
    disableHotplug: z
      .boolean()
      .meta({
        description: 'Whether disks and media stay as they are while the machine runs; false by default',
      })
      .optional(),
  },
  {
    autoattachVSOCK:
      'nothing here would speak to the guest over a VSOCK; the guest agent and the network are there for that',
    clientPassthrough:
      "a USB device of the operator's computer can't be redirected over the link; hostDevices gives the guest one of the box's",
    downwardMetrics: "the box's own figures are not handed to guests",
    filesystems:
      'no folders of the box are shared with guests (virtiofs); a configMap, secret or downwardAPI volume as a disk gives it files, and a dataVolume space of its own',
  },
).superRefine((value, context) => {
  const refuse = (path: PropertyKey[], message: string) =>
    context.addIssue({ code: 'custom', path, message });
  if (value.video !== undefined && value.autoattachGraphicsDevice === false)
    refuse(['video'], 'must not be given together with autoattachGraphicsDevice: false');
  const models = (value.panicDevices ?? []).map(({ model }) => model ?? 'default');
  for (const [index, model] of models.entries())
    if (models.indexOf(model) < index) refuse(['panicDevices', index, 'model'], 'is there already');
  const names = [...(value.hostDevices ?? []), ...(value.gpus ?? [])].map((device) => device.name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) === index) continue;
    const hosts = value.hostDevices?.length ?? 0;
    refuse(
      index < hosts ? ['hostDevices', index, 'name'] : ['gpus', index - hosts, 'name'],
      `"${name}" is used twice`,
    );
  }
});
export type Devices = z.infer<typeof devices>;
