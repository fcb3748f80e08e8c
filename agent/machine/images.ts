import type { CompiledMachine } from './compile.ts';
import type { DiskContent } from './disk.ts';
import type { ImageSource } from './image-source.ts';

/** An image that a disk is made of; with the data volume for which it is needed only until that disk is made. */
export interface NeededImage {
  readonly source: ImageSource;
  readonly dataVolume?: string;
}

/** What a machine, or a single disk, is made of. */
export function imagesOf(made: Pick<CompiledMachine, 'disks' | 'firmware'> | DiskContent): NeededImage[] {
  if ('from' in made) {
    if (made.from === 'container') return [{ source: made.source }];
    return made.from === 'image' ? [{ source: made.source, dataVolume: made.dataVolume }] : [];
  }
  const needed = made.disks.flatMap(({ content }) => imagesOf(content));
  const kernel = made.firmware.kernelBoot?.source;
  return kernel === undefined ? needed : [...needed, { source: kernel }];
}
