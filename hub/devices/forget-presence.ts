import type { Tables } from '../ports.ts';

const CAUSES = {
  HubStarted: 'the hub was started',
  BrokerLost: 'the hub was cut from its broker',
} as const;

/**
 * What was known of connections is past, since the hub starts or was cut from its broker: until a device is heard,
 * whether it is there is unknown. The result is the names of those that counted as connected.
 */
export async function forgetPresence(
  { devices, timeline }: Tables,
  reason: keyof typeof CAUSES,
  nowMs: number,
): Promise<string[]> {
  const connected = (await devices.list()).filter(({ presence }) => presence === 'connected');
  await devices.putMany(connected.map((row) => ({ ...row, presence: 'unknown', presenceSinceMs: nowMs })));
  await timeline.append(
    connected.map(({ name, epoch }) => ({
      device: name,
      kind: 'link',
      type: 'Normal',
      reason,
      message: `${CAUSES[reason]}: whether the device is there is unknown until it is heard`,
      happenedAtMs: nowMs,
      learnedAtMs: nowMs,
      epoch,
    })),
  );
  return connected.map(({ name }) => name);
}
