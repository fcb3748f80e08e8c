import type { Socket } from 'node:net';
import { LARGEST_PAYLOAD_BYTES } from '../../shared/protocol/messages.ts';
import type { Clock } from '../../shared/ports.ts';
import { createPacketGauge } from './packet-gauge.ts';

/** Topic and packet id around a payload. */
const LARGEST_PACKET_BYTES = LARGEST_PAYLOAD_BYTES + 256;
/**
 * What one connection may bring in. Small packets cost more than their bytes: with these figures 2,000 of them a
 * second pass, or 62 of the largest; that is several times what a device needs to bring a week of reports.
 */
const BYTES_PER_SECOND = 4 * 2 ** 20;
const BURST_BYTES = BYTES_PER_SECOND;
const PACKET_COST_BYTES = 2 * 1024;

export interface Guard {
  /** The client's CONNECT was accepted. */
  accept(): void;
}

/**
 * Stands between a socket and the broker, which reads it by `read` alone and would otherwise gather a packet of any
 * announced length, before it knows who sends it (aedes#831). Nothing is copied or kept: what is too large ends the
 * connection as soon as its header is seen, and what comes too fast is left in the socket, where TCP holds the
 * sender back.
 */
export function createGuard(socket: Socket, clock: Clock, refuse: (problem: string) => void): Guard {
  const gauge = createPacketGauge(LARGEST_PACKET_BYTES);
  const read = socket.read.bind(socket);
  let budgetBytes = BURST_BYTES;
  let filledMs = clock.monotonic();
  let cancelWait: (() => void) | undefined;
  let refused = false;

  /** Charges what was read; holds the reader back while more than the budget has been read. */
  function charge(bytes: number): void {
    const nowMs = clock.monotonic();
    budgetBytes = Math.min(BURST_BYTES, budgetBytes + ((nowMs - filledMs) / 1000) * BYTES_PER_SECOND) - bytes;
    filledMs = nowMs;
    if (budgetBytes >= 0) return;
    cancelWait = clock.after(Math.ceil((-budgetBytes / BYTES_PER_SECOND) * 1000), () => {
      cancelWait = undefined;
      socket.emit('readable');
    });
  }

  socket.once('close', () => cancelWait?.());
  socket.read = (size?: number): Buffer | null => {
    if (refused || cancelWait !== undefined) return null;
    const chunk = read(size) as Buffer | null;
    if (chunk === null) return null;
    const before = gauge.packets;
    const problem = gauge.take(chunk);
    if (problem !== undefined) {
      refused = true;
      refuse(problem);
      socket.destroy();
      return null;
    }
    charge(chunk.length + (gauge.packets - before) * PACKET_COST_BYTES);
    return chunk;
  };
  return { accept: () => gauge.accept() };
}
