/** What may come in before CONNECT is accepted: a client id, a will, a user and a password. */
const LARGEST_FIRST_PACKET_BYTES = 8 * 1024;
const CONNECT = 1;

/** Follows one connection's packets by their fixed headers (MQTT 3.1.1, section 2.2); keeps none of their bytes. */
export interface PacketGauge {
  /** Packets that have begun so far. */
  readonly packets: number;
  /** Takes the next bytes; says what is wrong with them, if anything is, and is of no use after that. */
  take(chunk: Uint8Array): string | undefined;
  /** From now on packets may be as large as they ever may: CONNECT was accepted. */
  accept(): void;
}

/** `largestBytes` bounds a packet's remaining length. */
export function createPacketGauge(largestBytes: number): PacketGauge {
  let packets = 0;
  let limitBytes = Math.min(LARGEST_FIRST_PACKET_BYTES, largestBytes);
  /** Of the packet that has begun: bytes of its body that are still to come, or the length read so far. */
  let bodyBytes = 0;
  let lengthBytes = 0;
  let lengthDigits = 0;
  let isInLength = false;

  function takeHeader(byte: number): string | undefined {
    if (!isInLength) {
      packets += 1;
      isInLength = true;
      lengthBytes = 0;
      lengthDigits = 0;
      return packets === 1 && byte >> 4 !== CONNECT ? 'the first packet is not a CONNECT' : undefined;
    }
    lengthBytes += (byte & 0x7f) * 128 ** lengthDigits;
    lengthDigits += 1;
    if (lengthBytes > limitBytes) return `a packet is larger than ${limitBytes} bytes`;
    if ((byte & 0x80) !== 0) return lengthDigits === 4 ? 'a packet has a malformed length' : undefined;
    isInLength = false;
    bodyBytes = lengthBytes;
    return undefined;
  }

  return {
    get packets() {
      return packets;
    },
    take(chunk) {
      let at = 0;
      while (at < chunk.length) {
        if (bodyBytes > 0) {
          const passed = Math.min(bodyBytes, chunk.length - at);
          bodyBytes -= passed;
          at += passed;
          continue;
        }
        const problem = takeHeader(chunk[at] ?? 0);
        if (problem !== undefined) return problem;
        at += 1;
      }
      return undefined;
    },
    accept() {
      limitBytes = largestBytes;
    },
  };
}
