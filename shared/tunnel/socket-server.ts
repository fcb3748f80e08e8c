import { WebSocketServer } from 'ws';
import { LONGEST_MESSAGE_BYTES } from './protocols.ts';

/**
 * A server of WebSockets for streams, which listens nowhere: upgrades are handed to it.
 * @param protocols the preferred one first; who offers none of them gets one without a name
 */
export function createSocketServer(protocols: readonly string[]): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    clientTracking: true,
    perMessageDeflate: false,
    maxPayload: LONGEST_MESSAGE_BYTES,
    handleProtocols: (offered) => protocols.find((protocol) => offered.has(protocol)) ?? false,
  });
}
