import type { Readable } from 'node:stream';
import { Duplex } from 'node:stream';

/** What is only read, as a stream of both ways: what is written to it is dropped. */
export function oneWay(source: Readable): Duplex {
  const stream = new Duplex({
    read: () => source.resume(),
    write: (_chunk, _encoding, done) => done(),
    destroy(error, done) {
      source.destroy();
      done(error);
    },
  });
  source.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) source.pause();
  });
  source.on('end', () => stream.push(null));
  source.on('error', (error) => stream.destroy(error));
  return stream;
}
