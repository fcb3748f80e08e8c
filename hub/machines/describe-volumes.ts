import type { MachineStatus } from '../../shared/model/machine.ts';
import type { VolumeStatus } from '../../shared/model/virtual-machine-instance.ts';

/** KubeVirt's `status.volumeStatus`, from what a device tells of a machine's volumes. */
export function describeVolumes({ volumes = [] }: MachineStatus): VolumeStatus[] {
  return volumes.map(({ name, target, dataVolume, bytes, wantedBytes, message }) => ({
    name,
    target,
    ...(bytes === undefined ? {} : { size: bytes }),
    ...(message === undefined ? {} : { message }),
    ...(dataVolume === undefined
      ? {}
      : {
          persistentVolumeClaimInfo: {
            claimName: dataVolume,
            ...(bytes === undefined ? {} : { capacity: { storage: String(bytes) } }),
            ...(wantedBytes === undefined ? {} : { requests: { storage: String(wantedBytes) } }),
          },
        }),
  }));
}

/** What there is to say of disks that a machine has and no volume of it shows any more; undefined where it has none. */
export function describeUnusedDisks({ unusedDisks = [] }: MachineStatus): string | undefined {
  if (unusedDisks.length === 0) return undefined;
  const names = unusedDisks.join(', ');
  return `no volume shows the data volumes ${names} any more: their disks are kept on the device until the machine is deleted`;
}
