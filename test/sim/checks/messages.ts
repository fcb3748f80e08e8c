import { LARGEST_PAYLOAD_BYTES } from '../../../shared/protocol/messages.ts';
import type { Witness } from '../witness.ts';
import type { Accuse } from './violations.ts';

/** No message is larger than the smallest of brokers takes. */
export function createMessagesCheck(accuse: Accuse): Partial<Witness> {
  return {
    carried(device, channel, payload) {
      if (payload.byteLength > LARGEST_PAYLOAD_BYTES)
        accuse(device, `a message on ${channel} has ${payload.byteLength} bytes`);
    },
  };
}
