import type { Socket } from 'node:net';

export interface WaitingRoom {
  /** A connection came in; where there is no room, the one that has waited longest is closed for it. */
  enter(socket: Socket): void;
  /** A connection, or the one over TLS that runs on it, was accepted, or is gone. */
  leave(socket: Socket): void;
}

/**
 * Bounds the connections that have not said CONNECT yet. A device says so at once, so that the longest silent one
 * is the likeliest to be none: whoever opens connections and is silent displaces only himself.
 */
export function createWaitingRoom(seats: number): WaitingRoom {
  // A map keeps the order of arrival. A TLS socket does not tell the socket below it; both tell their peer.
  const waiting = new Map<string, Socket>();
  const peerOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;
  return {
    enter(socket) {
      const peer = peerOf(socket);
      for (const [longest, silent] of waiting) {
        if (waiting.size < seats) break;
        waiting.delete(longest);
        silent.destroy();
      }
      waiting.set(peer, socket);
      // A socket that is closed no longer tells who its peer was.
      socket.once('close', () => {
        if (waiting.get(peer) === socket) waiting.delete(peer);
      });
    },
    leave: (socket) => void waiting.delete(peerOf(socket)),
  };
}
