/** What the WebSockets of streams agree on. */

/** KubeVirt's: each binary message is bytes, and whoever is done closes (client-go's `subresources`). */
export const PLAIN_PROTOCOL = 'plain.kubevirt.io';
/** Ours: the same, but the text message `END` ends one direction, and the other goes on. */
export const HALF_CLOSE_PROTOCOL = 'half-close.holdfast.dev';
export const END = 'end';

/** Where devices come in with streams, before the stream's id. */
export const TUNNEL_PATH = '/tunnel/v1/';

/** No longer message is taken: none of KubeVirt's clients sends a longer one than 32 KiB, and we none than 64. */
export const LONGEST_MESSAGE_BYTES = 1024 * 1024;

/** How long what came of an end that is gone may take to be handed over to the other. */
export const HANDOVER_MS = 60_000;

/** Close codes (RFC 6455, section 7.4.1): a stream that another client has now, and a hub that stops. */
const TAKEN = 1008;
const STOPPING = 1001;
const BROKEN = 1011;
/** What a close frame has room for, in bytes. */
const LONGEST_REASON_BYTES = 123;

/** How a stream that failed with an error of this code is closed; its sentence goes with that. */
export function closeCodeOf(code: string | undefined): number {
  switch (code) {
    case 'ConsoleTaken':
    case 'DisplayTaken':
    case 'StreamTaken':
      return TAKEN;
    case 'HubStopping':
      return STOPPING;
    default:
      return BROKEN;
  }
}

export function errorCodeOf(closeCode: number): 'StreamTaken' | 'HubStopping' | 'StreamBroken' {
  if (closeCode === TAKEN) return 'StreamTaken';
  return closeCode === STOPPING ? 'HubStopping' : 'StreamBroken';
}

export function fitReason(sentence: string): string {
  const bytes = Buffer.from(sentence);
  if (bytes.length <= LONGEST_REASON_BYTES) return sentence;
  // A character cut in two becomes a longer mark, hence the room.
  return `${bytes.subarray(0, LONGEST_REASON_BYTES - 6).toString('utf8')}…`;
}
