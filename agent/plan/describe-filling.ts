import type { VolumePhase } from '../../shared/model/data-volume-object.ts';
import type { MachineStatus } from '../../shared/model/machine.ts';
import type { DiskContent } from '../machine/disk.ts';
import { imagesOf } from '../machine/images.ts';
import type { ImageStatus } from '../images-port.ts';
import { percentOf } from './plan-images.ts';
import type { Situation, Wanted } from './plan.ts';

type Told = NonNullable<MachineStatus['dataVolumes']>[number];

/** How far the disks that are made once have been filled, in CDI's phases. */
export function describeFilling({
  wanted,
  observed,
  imageStatus,
}: Situation): Pick<MachineStatus, 'dataVolumes'> {
  const told = contentsOf(wanted).flatMap((content): Told[] => {
    if (content.from !== 'image' && content.from !== 'blank') return [];
    const { dataVolume: name } = content;
    if (observed?.disks.includes(name) === true) return [{ name, phase: 'Succeeded' }];
    const [needed] = imagesOf(content);
    if (needed === undefined) return [{ name, phase: 'Pending' }];
    const status = imageStatus(needed.source);
    const phase = phaseOf(status, needed.source.url.startsWith('upload:'));
    const percent = status.state === 'fetching' ? percentOf(status) : undefined;
    return [{ name, phase, ...(percent === undefined ? {} : { progress: `${percent}.0%` }) }];
  });
  return told.length === 0 ? {} : { dataVolumes: told };
}

function contentsOf(wanted: Wanted): DiskContent[] {
  if (wanted.kind === 'volume') return [wanted.content];
  return wanted.kind === 'machine' ? wanted.compiled.disks.map(({ content }) => content) : [];
}

function phaseOf({ state }: ImageStatus, isUpload: boolean): VolumePhase {
  if (state === 'absent') return isUpload ? 'UploadReady' : 'ImportScheduled';
  return 'ImportInProgress';
}
