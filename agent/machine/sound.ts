import type { Devices } from '../../shared/model/domain/devices.ts';
import { formatOptions } from './options.ts';
import { pciSlot } from './pci.ts';

export type SoundModel = 'ich9' | 'ac97';

export function compileSound({ sound }: Devices): SoundModel | undefined {
  return sound && (sound.model ?? 'ich9');
}

/** What is played goes nowhere: a box has nobody to listen. */
export function soundArguments(model: SoundModel | undefined): string[] {
  if (model === undefined) return [];
  const addr = pciSlot('sound');
  const devices =
    model === 'ac97'
      ? ['-device', formatOptions('AC97', { audiodev: 'audio', addr })]
      : [
          '-device',
          formatOptions('ich9-intel-hda', { id: 'sound', addr }),
          '-device',
          formatOptions('hda-duplex', { bus: 'sound.0', audiodev: 'audio' }),
        ];
  return ['-audiodev', 'none,id=audio', ...devices];
}
