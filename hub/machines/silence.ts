import { formatTime } from '../../shared/base/time.ts';
import type { DeviceRow, MachineRow } from '../ports.ts';

/** Why the device can't be heard, with what it last said of a machine or a data volume; undefined where it can. */
export function describeSilence(
  row: MachineRow | undefined,
  device: DeviceRow | undefined,
): string | undefined {
  if (row === undefined || device?.presence === 'connected') return undefined;
  const since = device === undefined ? '' : ` since ${formatTime(device.presenceSinceMs)}`;
  const verb = device?.presence === 'unknown' ? 'has not been heard' : 'is not connected';
  const what = row.kind === 'DataVolume' ? 'data volume' : 'machine';
  const last =
    row.status === undefined
      ? `it has not said anything of this ${what}`
      : `it last said ${row.status.state}`;
  const at = row.reportedAtMs === undefined ? '' : ` at ${formatTime(row.reportedAtMs)}`;
  return `device ${row.device} ${verb}${since}; ${last}${at}`;
}
