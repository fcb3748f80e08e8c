import { formatBytes } from '../../shared/base/quantity.ts';
import type { MachineStatus } from '../../shared/model/machine.ts';
import { keptBytes, nameTargets } from '../machine/disk.ts';
import type { ObservedMachine } from '../ports.ts';
import type { Wanted } from './plan.ts';

type Volumes = Pick<MachineStatus, 'volumes' | 'unusedDisks'>;

/** The volumes of a machine with the sizes of its disks, and the disks that it has and no volume shows any more. */
export function describeVolumes(wanted: Wanted, observed: ObservedMachine | undefined): Volumes {
  if (wanted.kind !== 'machine' || observed === undefined) return {};
  const { compiled } = wanted;
  const { diskBytes = {} } = observed;
  const kept = new Map(keptBytes(compiled).map((disk) => [disk.dataVolume, disk.bytes]));
  const targets = nameTargets(compiled.disks);
  const volumes = compiled.disks.flatMap(({ name, content }, index) => {
    if (content.from === 'nothing') return [];
    const target = targets[index] ?? '';
    if (!('dataVolume' in content) || content.from === 'other') return [{ name, target }];
    const { dataVolume } = content;
    const wantedBytes = kept.get(dataVolume) ?? 0;
    const bytes = diskBytes[dataVolume];
    const told = {
      name,
      target,
      dataVolume,
      ...(wantedBytes === 0 ? {} : { wantedBytes }),
      ...(bytes === undefined ? {} : { bytes }),
    };
    if (bytes === undefined || wantedBytes === 0 || bytes <= wantedBytes) return [told];
    const message = `the disk has ${formatBytes(bytes)}, and none is made smaller: ask for at least that`;
    // An image may be larger than what was asked for; that is nothing to be put right.
    return [content.from === 'image' ? told : { ...told, message }];
  });
  const unused = observed.disks.filter((dataVolume) => !kept.has(dataVolume));
  return {
    ...(volumes.length === 0 ? {} : { volumes }),
    ...(unused.length === 0 ? {} : { unusedDisks: unused }),
  };
}
