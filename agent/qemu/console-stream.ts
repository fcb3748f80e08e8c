import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** What is held for a reader that is slow. A terminal's worth of output, many times over. */
export const MOST_HELD_BYTES = 256 * 1024;

/**
 * A console's socket as a stream, beginning with `before`. QEMU waits for the client of a serial port, and the guest
 * for QEMU: a reader that stops reading would stop the guest at its next line. So the socket is read at any rate; what
 * the reader does not take is skipped beyond a bound, and a line in the stream says so once it reads again.
 */
export function createConsoleStream(socket: Socket, before: Buffer): Duplex {
  let skippedBytes = 0;

  const tellSkipped = () => {
    if (skippedBytes === 0) return;
    const notice = `\r\n[... ${skippedBytes} bytes skipped: read too slowly; console.log on the box has them]\r\n`;
    skippedBytes = 0;
    stream.push(notice);
  };

  const stream = new Duplex({
    allowHalfOpen: false,
    // Called when the reader has taken nearly all that was held.
    read: tellSkipped,
    write: (chunk: Buffer, _encoding, done) => void socket.write(chunk, done),
    final(done) {
      socket.end();
      done();
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  // Another may take the console before its reader listens: that must not end the agent.
  stream.on('error', () => {});

  if (before.length > 0) stream.push(before);
  socket.on('data', (chunk: Buffer) => {
    if (skippedBytes > 0 || stream.readableLength >= MOST_HELD_BYTES) skippedBytes += chunk.length;
    else stream.push(chunk);
  });
  socket.on('error', (error) => stream.destroy(error));
  socket.on('close', () => {
    if (stream.destroyed) return;
    tellSkipped();
    stream.push(null);
  });
  return stream;
}
