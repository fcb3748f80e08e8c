import type { DeviceRow, Tables } from '../ports.ts';

/** A device says hello every two hours, whatever else it says: one that did not is not there, whatever MQTT says. */
export const SILENT_MS = 130 * 60_000;

/** Marks the devices as unknown that count as connected and have been silent for too long; the result is their names. */
export async function markSilent({ devices, streams, timeline }: Tables, nowMs: number): Promise<string[]> {
  const connected = (await devices.list()).filter(({ presence }) => presence === 'connected');
  const silent: DeviceRow[] = [];
  for (const row of connected) {
    const heard = (await streams.getMany([row.name])).map(({ heardAtMs }) => heardAtMs);
    if (Math.max(...heard) < nowMs - SILENT_MS) silent.push(row);
  }
  await devices.putMany(
    silent.map((row) => ({ ...row, presence: 'unknown', presenceSinceMs: nowMs - SILENT_MS })),
  );
  const message = `nothing was heard for ${SILENT_MS / 60_000} minutes: whether the link is up is unknown`;
  await timeline.append(
    silent.map(({ name, epoch }) => ({
      device: name,
      kind: 'link',
      type: 'Warning',
      reason: 'Silent',
      message,
      happenedAtMs: nowMs,
      learnedAtMs: nowMs,
      epoch,
    })),
  );
  return silent.map(({ name }) => name);
}
