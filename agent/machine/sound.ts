import type { Devices } from '../../shared/model/domain/devices.ts';
import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';

export type SoundModel = 'ich9' | 'ac97';

export function compileSound({ sound }: Devices): SoundModel | undefined {
  return sound && (sound.model ?? 'ich9');
}

/** What is played goes nowhere: a box has nobody to listen. */
export function soundArguments(model: SoundModel | undefined, pci: PciLayout): string[] {
  if (model === undefined) return [];
  const place = { id: 'sound', ...pci.placeOnRoot('sound') };
  const devices =
    model === 'ac97'
      ? ['-device', formatOptions('AC97', { ...place, audiodev: 'audio' })]
      : [
          '-device',
          formatOptions('ich9-intel-hda', place),
          '-device',
          formatOptions('hda-duplex', { bus: 'sound.0', audiodev: 'audio' }),
        ];
  return ['-audiodev', 'none,id=audio', ...devices];
}
