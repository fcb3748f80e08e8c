/** `holdfast/v1/<device>/<channel>`: five levels at most, for brokers that allow seven. */

const PREFIX = 'holdfast/v1';

export const DEVICE_CHANNELS = ['hello', 'report', 'gone', 'response'] as const;
export const HUB_CHANNELS = ['desired', 'ack', 'request'] as const;
/** What a device says. */
export type DeviceChannel = (typeof DEVICE_CHANNELS)[number];
/** What the hub says. */
export type HubChannel = (typeof HUB_CHANNELS)[number];

export function topicOf(device: string, channel: DeviceChannel | HubChannel): string {
  return `${PREFIX}/${device}/${channel}`;
}

/** The device and channel of a topic; undefined where it is not one of ours. */
export function parseTopic(topic: string): { device: string; channel: string } | undefined {
  const match = /^holdfast\/v1\/([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)\/([a-z]+)$/.exec(topic);
  return match === null ? undefined : { device: match[1] ?? '', channel: match[3] ?? '' };
}

/** One device's channel, or every device's with `+`. */
export function subscriptionOf(channel: DeviceChannel | HubChannel, device = '+'): string {
  return `${PREFIX}/${device}/${channel}`;
}
