import type { z } from 'zod';
import { dnsLabel, fields, positiveQuantity } from '../schema.ts';
import { dataVolumeSource, ephemeral, persistentVolumeClaim } from './claim.ts';
import { cloudInitConfigDrive, cloudInitNoCloud } from './cloud-init.ts';
import { containerDisk } from './container-disk.ts';
import { configMapVolume, downwardApi, secretVolume, sysprep } from './files.ts';
import { hostDisk } from './host-disk.ts';

/** KubeVirt's `Volume`: where the content of a disk comes from. */

const SOURCES = [
  'cloudInitConfigDrive',
  'cloudInitNoCloud',
  'configMap',
  'containerDisk',
  'dataVolume',
  'downwardAPI',
  'emptyDisk',
  'ephemeral',
  'hostDisk',
  'persistentVolumeClaim',
  'secret',
  'sysprep',
] as const;

export const volume = fields(
  {
    name: dnsLabel.meta({ description: 'What a disk names it by' }),
    cloudInitConfigDrive: cloudInitConfigDrive
      .meta({ description: "A seed of cloud-init's ConfigDrive source, labelled config-2" })
      .optional(),
    cloudInitNoCloud: cloudInitNoCloud
      .meta({ description: "A seed of cloud-init's NoCloud source, labelled cidata" })
      .optional(),
    configMap: configMapVolume
      .meta({ description: 'The keys of a ConfigMap as files, as they were when the machine started' })
      .optional(),
    containerDisk: containerDisk
      .meta({ description: 'A disk in a container image; what the guest writes is gone at the next start' })
      .optional(),
    dataVolume: dataVolumeSource.meta({ description: 'A disk filled once, then kept' }).optional(),
    downwardAPI: downwardApi.meta({ description: "Fields of the machine's metadata as files" }).optional(),
    emptyDisk: fields({ capacity: positiveQuantity.meta({ description: 'How large it is' }) })
      .meta({ description: 'An empty disk, made anew at each start' })
      .optional(),
    ephemeral: ephemeral
      .meta({ description: 'A layer over a claim; what the guest writes is gone at the next start' })
      .optional(),
    hostDisk: hostDisk.meta({ description: 'A raw disk image in a folder of the box' }).optional(),
    persistentVolumeClaim: persistentVolumeClaim
      .meta({ description: 'A data volume by the name of its claim, or a folder or block device of the box' })
      .optional(),
    secret: secretVolume
      .meta({ description: 'The keys of a Secret as files, as they were when the machine started' })
      .optional(),
    sysprep: sysprep.meta({ description: 'Answer files for the set-up of Windows' }).optional(),
  },
  {
    containerPath: 'a machine has no container whose folders it could see; use a configMap or secret volume',
    downwardMetrics: "the box's figures are not shown to guests; they are at the agent's metrics endpoint",
    memoryDump: 'memory is not dumped to a volume; leave it out',
    serviceAccount: 'there are no tokens of service accounts; put what the guest needs into a secret volume',
  },
).superRefine((value, context) => {
  if (SOURCES.filter((source) => value[source] !== undefined).length === 1) return;
  const message = 'must have exactly one source, such as dataVolume, emptyDisk or cloudInitNoCloud';
  context.addIssue({ code: 'custom', message });
});
export type Volume = z.infer<typeof volume>;

/** The name of the claim or data volume that a volume shows or lies over. */
export function claimNameOf({ dataVolume, persistentVolumeClaim: claim, ephemeral: over }: Volume) {
  return dataVolume?.name ?? claim?.claimName ?? over?.persistentVolumeClaim.claimName;
}

/** The volume's cloud-init source, whichever data source it is for. */
export function cloudInitOf({ cloudInitNoCloud: noCloud, cloudInitConfigDrive: configDrive }: Volume) {
  return noCloud ?? configDrive;
}
