import type { Duplex } from 'node:stream';
import { EffectError } from '../shared/base/errors.ts';
import type { Clock } from '../shared/ports.ts';
import type { StreamDial, StreamTarget } from '../shared/protocol/streams.ts';
import { joinStreams } from '../shared/tunnel/join-streams.ts';
import type { Machines, Tunnel } from './ports.ts';

/** How many streams may be open at once: each has its buffers. */
const MOST_STREAMS = 64;

export interface Streams {
  /**
   * Opens a stream of a machine and brings it to the hub; resolves once both are joined.
   * @throws EffectError as `Machines.openStream` and `Tunnel.dial`, and TooManyRequests
   */
  open(uid: string, target: StreamTarget, dial: StreamDial): Promise<void>;
  /** Ends them all. */
  stop(): void;
}

/** The streams of this box's machines that are open to the hub. */
export function createStreams(machines: Pick<Machines, 'openStream'>, tunnel: Tunnel, clock: Clock): Streams {
  const open = new Set<Duplex>();
  let opening = 0;
  let stopped = false;

  async function join(uid: string, target: StreamTarget, dial: StreamDial): Promise<void> {
    const wanted = await machines.openStream(uid, target);
    // Others may take it, or it may fail, before the hub has it.
    const ignore = () => {};
    wanted.on('error', ignore);
    const wire = await tunnel.dial(dial).catch((error: unknown) => {
      wanted.destroy();
      throw error;
    });
    open.add(wire);
    wire.once('close', () => open.delete(wire));
    joinStreams(wire, wanted, clock);
    if (wanted.destroyed) wire.destroy(wanted.errored ?? undefined);
    else if (stopped) wire.destroy(stopping());
  }

  return {
    async open(uid, target, dial) {
      if (open.size + opening >= MOST_STREAMS)
        throw new EffectError(
          'TooManyRequests',
          uid,
          `${MOST_STREAMS} streams are open on this box: end some`,
        );
      opening += 1;
      try {
        await join(uid, target, dial);
      } finally {
        opening -= 1;
      }
    },
    stop() {
      stopped = true;
      for (const wire of open) wire.destroy(stopping());
    },
  };
}

function stopping(): EffectError {
  return new EffectError('StreamBroken', 'the agent', 'the agent of the box is stopping; its machines go on');
}
