import type { Metric } from '../shared/base/exposition.ts';
import { createCounter } from '../shared/base/instruments.ts';
import type { DeviceChannel, HubChannel } from '../shared/protocol/topics.ts';

/** What the hub counts of the link to its devices. */
export interface LinkFigures {
  received(channel: DeviceChannel, bytes: number): void;
  published(channel: HubChannel, bytes: number): void;
  read(connected: number): Metric[];
}

export function createLinkFigures(): LinkFigures {
  const messages = createCounter('holdfast_link_messages_total', 'Messages to and from devices, by channel.');
  const bytes = createCounter('holdfast_link_bytes_total', 'What these messages held.');
  const add = (labels: { readonly direction: string; readonly channel: string }, size: number) => {
    messages.add(labels);
    bytes.add(labels, size);
  };
  return {
    received: (channel, size) => add({ direction: 'received', channel }, size),
    published: (channel, size) => add({ direction: 'published', channel }, size),
    read: (connected) => [
      {
        name: 'holdfast_devices_connected',
        type: 'gauge',
        help: 'Devices whose link is up.',
        samples: [{ labels: {}, value: connected }],
      },
      messages.read(),
      bytes.read(),
    ],
  };
}
