/** What a link does to packets in one direction; what is left out does nothing to them. */
export interface Weather {
  /** The part of all packets that is lost, from 0 to 1. */
  readonly lost?: number;
  readonly delayMs?: number;
  readonly bitsPerSecond?: number;
}

export const CLEAR: Weather = {};
/** Nothing comes through, and nobody is told. */
export const DEAD: Weather = { lost: 1 };

/** How much waits at a slow link at most; a packet that finds more is lost, as at a modem. */
const LONGEST_QUEUE_BYTES = 64 * 1024;

/** One direction of a link. */
export interface PacketPath {
  send(packet: Buffer): void;
  setWeather(weather: Weather): void;
  /** Packets so far: handed in, lost on the way, and delivered. */
  readonly counts: { readonly sent: number; readonly lost: number; readonly delivered: number };
  /** What is on its way is lost. */
  close(): void;
}

/** Does to whole packets what the kernel's netem does, which many kernels are built without. */
export function createPacketPath(fraction: () => number, deliver: (packet: Buffer) => void): PacketPath {
  let weather = CLEAR;
  const counts = { sent: 0, lost: 0, delivered: 0 };
  const onTheirWay = new Set<NodeJS.Timeout>();
  let queuedBytes = 0;
  let lineFreeAtMs = 0;

  /** When the line has put the packet out, behind those that wait before it; undefined: the queue is full. */
  function putOnLine({ length }: Buffer, bitsPerSecond: number, nowMs: number): number | undefined {
    if (queuedBytes + length > LONGEST_QUEUE_BYTES) return undefined;
    queuedBytes += length;
    lineFreeAtMs = Math.max(lineFreeAtMs, nowMs) + (length * 8000) / bitsPerSecond;
    after(lineFreeAtMs - nowMs, () => (queuedBytes -= length));
    return lineFreeAtMs;
  }

  function after(delayMs: number, run: () => void): void {
    const timer = setTimeout(() => {
      onTheirWay.delete(timer);
      run();
    }, delayMs);
    onTheirWay.add(timer);
  }

  return {
    counts,
    setWeather: (next) => (weather = next),
    send(packet) {
      const { lost = 0, delayMs = 0, bitsPerSecond } = weather;
      const nowMs = performance.now();
      counts.sent += 1;
      const outAtMs = bitsPerSecond === undefined ? nowMs : putOnLine(packet, bitsPerSecond, nowMs);
      if (outAtMs === undefined || fraction() < lost) {
        counts.lost += 1;
        return;
      }
      const arrive = () => {
        counts.delivered += 1;
        deliver(packet);
      };
      const waitMs = outAtMs - nowMs + delayMs;
      if (waitMs <= 0) arrive();
      else after(waitMs, arrive);
    },
    close() {
      for (const timer of onTheirWay) clearTimeout(timer);
      onTheirWay.clear();
    },
  };
}
