import type { MachineIdentity } from '../../shared/model/machine.ts';
import type { DeviceRow, HeldEntry, MachineRow } from '../ports.ts';

/** A machine's row on the device that holds it, with what the device said of the machine. */
export function placeRow(
  device: Pick<DeviceRow, 'name' | 'duplicateSinceMs'>,
  { uid, kind, namespace, name }: MachineIdentity,
  before: MachineRow | undefined,
  { status, heardAtMs, epoch }: Pick<HeldEntry, 'status' | 'heardAtMs' | 'epoch'>,
): MachineRow {
  const { heldBack, ...known } = before ?? {
    uid,
    kind,
    namespace,
    name,
    device: device.name,
    removing: false,
  };
  return status !== undefined && speaksFor(device, before, epoch)
    ? { ...known, status, reportedAtMs: heardAtMs, reportedEpoch: epoch }
    : known;
}

/**
 * Whether what one store says of a machine is what is shown. Where two boxes have one name and both run it, that
 * stays with the one that was heard first, so that what is shown does not jump from one to the other.
 */
export function speaksFor(
  { duplicateSinceMs }: Pick<DeviceRow, 'duplicateSinceMs'>,
  row: Pick<MachineRow, 'reportedEpoch'> | undefined,
  epoch: string,
): boolean {
  return duplicateSinceMs === undefined || row?.reportedEpoch === undefined || row.reportedEpoch === epoch;
}
