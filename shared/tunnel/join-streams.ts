import type { Duplex } from 'node:stream';
import type { Clock } from '../ports.ts';
import { HANDOVER_MS } from './protocols.ts';

/** Carries bytes both ways until both ends are over: an end, an error, or a hang-up of one is passed on to the other. */
export function joinStreams(one: Duplex, other: Duplex, clock: Clock): void {
  carry(one, other, clock);
  carry(other, one, clock);
}

function carry(from: Duplex, to: Duplex, clock: Clock): void {
  from.pipe(to);
  from.on('error', (error) => to.destroy(error));
  from.on('close', () => {
    if (to.destroyed) return;
    // What was taken is still to be handed over; what comes back has nobody to go to.
    if (to.writableFinished) return void to.destroy();
    // One that takes nothing any more would be held for as long as it lives.
    to.once(
      'close',
      clock.after(HANDOVER_MS, () => to.destroy()),
    );
    to.end(() => to.destroy());
  });
}
