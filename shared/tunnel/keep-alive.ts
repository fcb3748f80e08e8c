import type { WebSocket } from 'ws';
import type { Clock } from '../ports.ts';

/** Often enough for the tables of the routers on the way. */
const PING_EVERY_MS = 20_000;
/** When a third would be sent, the other end was last heard a minute ago. */
const MOST_UNANSWERED = 2;

/**
 * Pings the other end for as long as the connection lasts, and cuts it once that has been silent for a minute. One that
 * can't be heard, or does not take what waits for it, is given the time that TCP gives it.
 */
export function keepAlive(socket: WebSocket, clock: Clock): void {
  let unanswered = 0;
  let cancel = () => {};
  const heard = () => {
    unanswered = 0;
  };
  const ping = () => {
    const isSlow = socket.isPaused || socket.bufferedAmount > 0;
    if (isSlow) unanswered = 0;
    if (unanswered >= MOST_UNANSWERED) return socket.terminate();
    unanswered += 1;
    socket.ping();
    cancel = clock.after(PING_EVERY_MS, ping);
  };
  cancel = clock.after(PING_EVERY_MS, ping);
  socket.on('message', heard);
  socket.on('ping', heard);
  socket.on('pong', heard);
  socket.on('close', () => cancel());
}
