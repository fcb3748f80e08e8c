import type { Architecture } from '../../shared/model/domain/architecture.ts';
import type { VIDEO_TYPES } from '../../shared/model/domain/device.ts';
import type { Devices } from '../../shared/model/domain/devices.ts';
import { socketFiles } from './files.ts';
import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';

export type VideoType = (typeof VIDEO_TYPES)[number];

/** The display card, with KubeVirt's default; none where it is declined. */
export function compileVideo(
  { video, autoattachGraphicsDevice = true }: Devices,
  architecture: Architecture,
  loader: 'bios' | 'efi',
): VideoType | undefined {
  if (!autoattachGraphicsDevice) return undefined;
  if (video?.type !== undefined) return video.type;
  if (architecture === 'arm64') return 'virtio';
  return loader === 'efi' ? 'bochs' : 'vga';
}

/** The display card, and the server of what it shows: RFB on a socket that only the agent gets to. */
export function graphicsArguments(
  video: VideoType | undefined,
  architecture: Architecture,
  run: number,
  pci: PciLayout,
): string[] {
  if (video === undefined) return [];
  const server = ['-vnc', formatOptions(`unix:${socketFiles(run).vnc}`, {})];
  // The one that is no PCI device.
  if (video === 'ramfb') return ['-device', 'ramfb', ...server];
  const devices = {
    vga: 'VGA',
    // On arm64 nothing knows VGA's registers.
    virtio: architecture === 'arm64' ? 'virtio-gpu-pci' : 'virtio-vga',
    bochs: 'bochs-display',
    cirrus: 'cirrus-vga',
  } as const;
  const device = formatOptions(devices[video], { id: 'graphics', ...pci.placeOnRoot('graphics') });
  return ['-device', device, ...server];
}
