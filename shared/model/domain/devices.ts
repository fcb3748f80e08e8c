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
      .describe('The disks, in their order; a volume that none names gets one too.')
      .optional(),
    interfaces: z.array(networkInterface).describe('The network cards.').optional(),
    inputs: z.array(input).describe('Pointers.').optional(),
    rng: fields({}).describe("Random numbers of the box's for the guest.").optional(),
    watchdog: watchdog.describe('What acts when the guest hangs.').optional(),
    tpm: tpm.describe('A TPM 2.0, which swtpm plays.').optional(),
    sound: sound.describe('A sound card.').optional(),
    video: video.describe('The display card.').optional(),
    panicDevices: z.array(panicDevice).max(3).describe('What the guest tells its panics by.').optional(),
    hostDevices: z
      .array(hostDevice)
      .describe("PCI and USB devices of the box's, for this machine alone.")
      .optional(),
    gpus: z.array(gpu).describe("GPUs of the box's, for this machine alone.").optional(),
    autoattachPodInterface: z
      .boolean()
      .describe('Whether a machine without interfaces gets one on the pod network; true by default.')
      .optional(),
    autoattachGraphicsDevice: z
      .boolean()
      .describe('Whether there is a display card; true by default.')
      .optional(),
    autoattachInputDevice: z
      .boolean()
      .describe('Whether a machine without inputs gets a USB tablet; false by default.')
      .optional(),
    autoattachMemBalloon: z
      .boolean()
      .describe('Whether there is a memory balloon; true by default.')
      .optional(),
    autoattachSerialConsole: z
      .boolean()
      .describe('Whether there is a serial console; true by default.')
      .optional(),
    logSerialConsole: z
      .boolean()
      .describe("Whether what the guest writes to it is kept in the machine's console.log; true by default.")
      .optional(),
    blockMultiQueue: meaningless(z.boolean(), 'a virtio disk has a queue for each CPU anyway').optional(),
    networkInterfaceMultiqueue: z
      .boolean()
      .describe('Whether virtio cards on bridges have a queue for each CPU; false by default.')
      .optional(),
    useVirtioTransitional: z
      .boolean()
      .describe('Virtio devices that guests of before virtio 1.0 know as well; false by default.')
      .optional(),
    disableHotplug: z.boolean().describe('No disks can be added while the machine runs.').optional(),
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
