import type { DeviceRow } from '../ports.ts';

/** Whether a device is yet to tell all that it knows. */
export function isToTell(row: DeviceRow | undefined): boolean {
  return row?.untold === true && row.toldAll !== true;
}
