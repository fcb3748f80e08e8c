import type { DeviceRow, Tables } from '../ports.ts';

/** A device says hello once an hour, whatever else it has to say: one that did not is not there, whatever MQTT says. */
const SILENT_MS = 70 * 60_000;

/** Marks the devices as unknown that count as connected and have been silent for too long; the result is their names. */
export async function markSilent({ devices, streams }: Tables, nowMs: number): Promise<string[]> {
  const connected = (await devices.list()).filter(({ presence }) => presence === 'connected');
  const silent: DeviceRow[] = [];
  for (const row of connected) {
    const heard = (await streams.getMany([row.name])).map(({ heardAtMs }) => heardAtMs);
    if (Math.max(...heard) < nowMs - SILENT_MS) silent.push(row);
  }
  await devices.putMany(
    silent.map((row) => ({ ...row, presence: 'unknown', presenceSinceMs: nowMs - SILENT_MS })),
  );
  return silent.map(({ name }) => name);
}
