import type { PublishPacket } from 'aedes';
import { LARGEST_PAYLOAD_BYTES } from '../../shared/protocol/messages.ts';
import type { HubChannel } from '../../shared/protocol/topics.ts';
import { topicOf } from '../../shared/protocol/topics.ts';

/** What may wait for one device that does not take it. */
const MOST_WAITING_BYTES = 4 * LARGEST_PAYLOAD_BYTES;

type Send = (packet: PublishPacket, done: (error?: Error | null) => void) => void;

/** The way out to devices: what one does not take waits apart from what is for others, and has a bound. */
export function createOutlet(send: Send) {
  const waitingBytes = new Map<string, number>();

  function count(device: string, bytes: number): void {
    const now = (waitingBytes.get(device) ?? 0) + bytes;
    if (now === 0) waitingBytes.delete(device);
    else waitingBytes.set(device, now);
  }

  return {
    /** Resolves once the message is on its way, or there is nobody to send it to. */
    async publish(device: string, channel: HubChannel, payload: Uint8Array): Promise<void> {
      const bytes = payload.length;
      if (bytes > LARGEST_PAYLOAD_BYTES)
        throw new Error(`a message of ${bytes} bytes is too large to be sent`);
      if ((waitingBytes.get(device) ?? 0) + bytes > MOST_WAITING_BYTES) {
        throw new Error(`${device} does not take what is sent: ${MOST_WAITING_BYTES} bytes wait for it`);
      }
      count(device, bytes);
      // QoS 1 always: with two at once from inside the process aedes loses messages (aedes#994).
      const packet = {
        cmd: 'publish',
        topic: topicOf(device, channel),
        qos: 1,
        dup: false,
        retain: false,
      } as const;
      try {
        await new Promise<void>((resolve, reject) => {
          send({ ...packet, payload: Buffer.from(payload) }, (error) => {
            if (error) reject(error);
            else resolve();
          });
        });
      } finally {
        count(device, -bytes);
      }
    },
  };
}
