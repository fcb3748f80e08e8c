import type { Tables } from '../ports.ts';

const MESSAGES = {
  HubStarted: 'the hub was started',
  BrokerLost: 'the hub was cut from its broker',
} as const;

export type DoubtCause = keyof typeof MESSAGES;

/**
 * What was known of connections is past since the hub was started or cut from its broker: whether a device is there
 * that counts as connected and was not `heard` since is unknown. The result is the names of those.
 */
export async function forgetPresence(
  { devices, timeline }: Tables,
  reason: DoubtCause,
  sinceMs: number,
  heard: ReadonlySet<string>,
): Promise<string[]> {
  const rows = await devices.list();
  const silent = rows.filter(({ name, presence }) => presence === 'connected' && !heard.has(name));
  await devices.putMany(silent.map((row) => ({ ...row, presence: 'unknown', presenceSinceMs: sinceMs })));
  await timeline.append(
    silent.map(({ name, epoch }) => ({
      device: name,
      kind: 'link',
      type: 'Normal',
      reason,
      message: `${MESSAGES[reason]}: whether the device is there is unknown until it is heard`,
      happenedAtMs: sinceMs,
      learnedAtMs: sinceMs,
      epoch,
    })),
  );
  return silent.map(({ name }) => name);
}
