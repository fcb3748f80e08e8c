import { z } from 'zod';
import type { Domain } from './domain.ts';
import { isOn } from './features.ts';

/** Of a machine that doesn't say: amd64. */
export const DEFAULT_ARCHITECTURE = 'amd64';

export const architecture = z
  .enum(['amd64', 'arm64'], 'must be amd64 or arm64')
  .meta({ description: 'amd64 (the default) or arm64; the box must be of the same' });
export type Architecture = z.infer<typeof architecture>;

type Refuse = (path: PropertyKey[], message: string) => void;

/** What one architecture does not have. Paths are those inside the domain. */
export function checkArchitecture(domain: Domain, of: Architecture, refuse: Refuse): void {
  const type = domain.machine?.type ?? '';
  if (type !== '' && type.startsWith('virt') !== (of === 'arm64')) {
    const [own, other] = of === 'arm64' ? ['virt', 'amd64'] : ['q35', 'arm64'];
    refuse(
      ['machine', 'type'],
      `is a machine of ${other}, and spec.architecture is ${of}: must be ${own} or a version of it`,
    );
  }
  if (of === 'arm64') checkArm64(domain, refuse);
}

/** What secure boot needs, which a preference may give. arm64 does not boot securely. */
export function checkSecureBoot({ firmware, features }: Domain, of: Architecture, refuse: Refuse): void {
  const efi = firmware?.bootloader?.efi;
  if (of === 'arm64' || efi === undefined || efi.secureBoot === false || isOn(features?.smm)) return;
  refuse(
    ['firmware', 'bootloader', 'efi', 'secureBoot'],
    'is true by default, and needs features.smm: {enabled: true}; set that, or secureBoot: false',
  );
}

function checkArm64({ cpu, devices, firmware, features }: Domain, refuse: Refuse): void {
  const missing = (path: PropertyKey[], way: string) =>
    refuse(path, `is not supported: arm64 has none; ${way}`);
  if ((cpu?.threads ?? 1) > 1) refuse(['cpu', 'threads'], 'must be 1 on arm64');
  if (firmware?.bootloader?.bios !== undefined) missing(['firmware', 'bootloader', 'bios'], 'use efi');
  if (firmware?.bootloader?.efi?.secureBoot === true)
    missing(['firmware', 'bootloader', 'efi', 'secureBoot'], 'set it to false');
  if (isOn(features?.smm)) missing(['features', 'smm'], 'leave it out');
  if (features?.hyperv !== undefined) missing(['features', 'hyperv'], 'leave it out');
  if (devices.watchdog !== undefined)
    missing(['devices', 'watchdog'], 'leave it out; a livenessProbe restarts a guest that hangs');
  for (const [index, { model }] of (devices.panicDevices ?? []).entries())
    if (model === 'isa' || model === 'hyperv')
      missing(['devices', 'panicDevices', index, 'model'], 'use pvpanic');
  const video = devices.video?.type;
  if (video !== undefined && video !== 'virtio' && video !== 'ramfb')
    missing(['devices', 'video', 'type'], 'use virtio or ramfb');
}
