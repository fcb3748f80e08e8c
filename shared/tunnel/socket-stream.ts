import { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { EffectError, codeOf } from '../base/errors.ts';
import type { Clock } from '../ports.ts';
import { keepAlive } from './keep-alive.ts';
import { END, HALF_CLOSE_PROTOCOL, HANDOVER_MS, closeCodeOf, errorCodeOf, fitReason } from './protocols.ts';

const CLOSED = 1000;
/** The closing frame had no code: a close all the same. */
const CLOSED_WITHOUT_CODE = 1005;
/** The connection ended without a closing frame. */
const LOST = 1006;

interface SocketStreamOptions {
  readonly clock: Clock;
  /** Who is at the other end, for the sentence of a loss. */
  readonly peer: string;
  /** The other end ends by hanging up without a word, as `virtctl` does. */
  readonly hangsUp?: boolean;
}

/**
 * An open WebSocket as a stream of its binary messages: what one side does not take, the other does not send. A chunk
 * that is written is one message. The end of what is written closes, or, by `HALF_CLOSE_PROTOCOL`, says so. Destroying
 * it with an error tells the other end the error's code and sentence, with which its stream fails in turn.
 */
export function createSocketStream(
  socket: WebSocket,
  { clock, peer, hangsUp = false }: SocketStreamOptions,
): Duplex {
  const halfClose = socket.protocol === HALF_CLOSE_PROTOCOL;
  let [ended, closed] = [false, false];

  const end = () => {
    if (ended) return;
    ended = true;
    stream.push(null);
  };
  const stream = new Duplex({
    read: () => socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      // Where the other end has closed, that is told by the end of what is read.
      if (socket.readyState !== socket.OPEN) return done();
      socket.send(chunk, { binary: true }, () => done());
    },
    final(done) {
      if (socket.readyState !== socket.OPEN) return done();
      if (halfClose) return socket.send(END, { binary: false }, () => done());
      socket.close(CLOSED);
      done();
    },
    destroy(error, done) {
      if (error === null) socket.close(CLOSED);
      else socket.close(closeCodeOf(codeOf(error)), fitReason(error.message));
      // The other end's answer to that is still to be read.
      socket.resume();
      done(error);
    },
  });
  // One that fails before anybody has it fails for nobody.
  stream.on('error', () => {});
  stream.once('end', () => {
    if (closed) stream.destroy();
  });

  socket.on('message', (message: Buffer, isBinary) => {
    if (stream.destroyed || ended) return;
    if (!isBinary) {
      if (halfClose && message.toString('utf8') === END) end();
    } else if (!stream.push(message)) socket.pause();
  });
  // What is wrong is told once more, by the code of the close that follows.
  socket.on('error', () => {});
  socket.on('close', (code, reason) => {
    closed = true;
    if (stream.destroyed) return;
    const isClean = code === CLOSED || code === CLOSED_WITHOUT_CODE || (code === LOST && hangsUp);
    if (!isClean) {
      const said = reason.toString('utf8');
      const sentence = said === '' ? `the connection to ${peer} was lost` : said;
      stream.destroy(new EffectError(errorCodeOf(code), peer, sentence));
    } else if (stream.readableEnded) stream.destroy();
    else {
      stream.once(
        'close',
        clock.after(HANDOVER_MS, () => stream.destroy()),
      );
      end();
    }
  });
  keepAlive(socket, clock);
  return stream;
}
