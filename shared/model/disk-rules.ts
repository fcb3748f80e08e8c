import type { AccessCredential } from './access-credential.ts';
import type { Disk } from './domain/disk.ts';
import type { Volume } from './volume/volume.ts';
import { claimNameOf, cloudInitOf } from './volume/volume.ts';

/** What a refusal is made with: the field's path in the spec, and why. */
type Refuse = (path: PropertyKey[], message: string, reason?: string) => void;

const IN_DISKS = ['domain', 'devices', 'disks'];

/** Rules between the disks of a machine, its volumes and its credentials, which no single field can say. */
export function checkDisks(
  disks: readonly Disk[],
  volumes: readonly Volume[],
  credentials: readonly AccessCredential[],
  refuse: Refuse,
): void {
  checkCloudInit(volumes, refuse);
  checkClaims(volumes, refuse);
  checkCredentials(volumes, credentials, refuse);
  for (const [index, disk] of disks.entries()) {
    const volume = volumes.find(({ name }) => name === disk.name);
    if (volume === undefined && disk.cdrom === undefined)
      refuse([...IN_DISKS, index, 'name'], `no volume in spec.volumes has the name "${disk.name}"`);
    const order = disk.bootOrder;
    if (order !== undefined && disks.findIndex(({ bootOrder }) => bootOrder === order) < index)
      refuse([...IN_DISKS, index, 'bootOrder'], `${order} is used twice`, 'FieldValueDuplicate');
    if (disk.shareable !== true || volume === undefined) continue;
    if (volume.hostDisk === undefined && volume.persistentVolumeClaim === undefined) {
      const message =
        'only a hostDisk or a claim that is a raw image or block device can be written by several machines';
      refuse([...IN_DISKS, index, 'shareable'], message);
    }
  }
}

function checkCloudInit(volumes: readonly Volume[], refuse: Refuse): void {
  const seeds = volumes.flatMap((volume, index) => (cloudInitOf(volume) === undefined ? [] : [index]));
  for (const index of seeds.slice(1)) {
    const source =
      volumes[index]?.cloudInitNoCloud === undefined ? 'cloudInitConfigDrive' : 'cloudInitNoCloud';
    refuse(['volumes', index, source], 'there can be one cloud-init volume');
  }
}

/** One disk of a machine twice would be two caches over one content. Layers over it only read. */
function checkClaims(volumes: readonly Volume[], refuse: Refuse): void {
  const used = new Set<string>();
  for (const [index, volume] of volumes.entries()) {
    const name = claimNameOf(volume);
    if (name === undefined || volume.ephemeral !== undefined) continue;
    const path =
      volume.dataVolume === undefined ? ['persistentVolumeClaim', 'claimName'] : ['dataVolume', 'name'];
    if (used.has(name)) refuse(['volumes', index, ...path], `"${name}" is used twice`, 'FieldValueDuplicate');
    used.add(name);
  }
}

function checkCredentials(
  volumes: readonly Volume[],
  credentials: readonly AccessCredential[],
  refuse: Refuse,
): void {
  for (const [index, { sshPublicKey }] of credentials.entries()) {
    const method = sshPublicKey?.propagationMethod;
    const path = ['accessCredentials', index, 'sshPublicKey', 'propagationMethod'];
    if (method?.noCloud !== undefined && !volumes.some((volume) => volume.cloudInitNoCloud !== undefined))
      refuse([...path, 'noCloud'], 'needs a cloudInitNoCloud volume');
    const hasDrive = volumes.some((volume) => volume.cloudInitConfigDrive !== undefined);
    if (method?.configDrive !== undefined && !hasDrive)
      refuse([...path, 'configDrive'], 'needs a cloudInitConfigDrive volume');
  }
}
