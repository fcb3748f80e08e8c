import type { CompiledMachine } from './compile.ts';
import type { ImageSource } from './image-source.ts';

/** An image that a machine is made of, and the disk for which it is needed only until that is made. */
export interface NeededImage {
  readonly source: ImageSource;
  readonly dataVolume?: string;
}

export function imagesOf({ disks, firmware }: CompiledMachine): NeededImage[] {
  const needed = disks.flatMap(({ content }): NeededImage[] => {
    if (content.from === 'container') return [{ source: content.source }];
    return content.from === 'image' ? [{ source: content.source, dataVolume: content.dataVolume }] : [];
  });
  const kernel = firmware.kernelBoot?.source;
  return kernel === undefined ? needed : [...needed, { source: kernel }];
}
