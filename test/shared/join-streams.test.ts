import { once } from 'node:events';
import { Duplex, PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { joinStreams } from '../../shared/tunnel/join-streams.ts';
import { HANDOVER_MS } from '../../shared/tunnel/protocols.ts';
import { createManualClock } from './manual-clock.ts';

/** A guest's end that has been sent its last words, which it has not taken, by one that hung up. */
async function hungUp() {
  const clock = createManualClock();
  const offered = Promise.withResolvers<() => void>();
  const taken: string[] = [];
  const guest = new Duplex({
    read: () => {},
    write(chunk: Buffer, _encoding, done) {
      offered.resolve(() => {
        taken.push(chunk.toString());
        done();
      });
    },
  });
  const wire = new PassThrough();
  joinStreams(wire, guest, clock);
  wire.write('last words');
  const take = await offered.promise;
  wire.destroy();
  await once(wire, 'close');
  return { clock, guest, take, taken };
}

test('what was sent before a hang-up is handed over, however late', async () => {
  const { clock, guest, take, taken } = await hungUp();
  clock.advance(HANDOVER_MS - 1);
  expect(guest.destroyed).toBe(false);
  take();
  await once(guest, 'close');
  expect(taken).toEqual(['last words']);
  expect(clock.waiting()).toEqual([]);
});

test('an end that takes nothing any more is let go of a minute after the other has hung up', async () => {
  const { clock, guest } = await hungUp();
  clock.advance(HANDOVER_MS);
  expect(guest.destroyed).toBe(true);
});
