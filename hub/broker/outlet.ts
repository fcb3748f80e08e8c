import { LARGEST_PAYLOAD_BYTES } from '../../shared/protocol/messages.ts';
import type { HubChannel } from '../../shared/protocol/topics.ts';
import { topicOf } from '../../shared/protocol/topics.ts';

/** What may wait for one device that does not take it; small messages count for more than they are. */
const MOST_WAITING_BYTES = 4 * LARGEST_PAYLOAD_BYTES + 16 * 1024;
const MESSAGE_COST_BYTES = 1024;

/** The way out to devices: what one does not take waits apart from what is for others, and has a bound. */
export function createOutlet(send: (topic: string, payload: Uint8Array) => Promise<void>) {
  const waitingBytes = new Map<string, number>();

  function count(device: string, bytes: number): void {
    const now = (waitingBytes.get(device) ?? 0) + bytes;
    if (now === 0) waitingBytes.delete(device);
    else waitingBytes.set(device, now);
  }

  return {
    /** @throws Error where it is too large, too much waits for the device, or `send` does */
    async publish(device: string, channel: HubChannel, payload: Uint8Array): Promise<void> {
      if (payload.length > LARGEST_PAYLOAD_BYTES) {
        throw new Error(`a message of ${payload.length} bytes is too large to be sent`);
      }
      const costBytes = payload.length + MESSAGE_COST_BYTES;
      const waiting = waitingBytes.get(device) ?? 0;
      if (waiting + costBytes > MOST_WAITING_BYTES) {
        throw new Error(`${device} does not take what is sent: ${waiting} bytes wait for it`);
      }
      count(device, costBytes);
      try {
        await send(topicOf(device, channel), payload);
      } finally {
        count(device, -costBytes);
      }
    },
  };
}
