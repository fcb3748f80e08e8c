import type { Tables } from '../ports.ts';

/**
 * What was known of connections is past, since the hub starts or was cut from its broker: until a device is heard,
 * whether it is there is unknown. The result is the names of those that counted as connected.
 */
export async function forgetPresence({ devices }: Tables, nowMs: number): Promise<string[]> {
  const connected = (await devices.list()).filter(({ presence }) => presence === 'connected');
  await devices.putMany(connected.map((row) => ({ ...row, presence: 'unknown', presenceSinceMs: nowMs })));
  return connected.map(({ name }) => name);
}
