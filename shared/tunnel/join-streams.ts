import type { Duplex } from 'node:stream';

/** Carries bytes both ways until both ends are over: an end, an error, or a hang-up of one is passed on to the other. */
export function joinStreams(one: Duplex, other: Duplex): void {
  carry(one, other);
  carry(other, one);
}

function carry(from: Duplex, to: Duplex): void {
  from.pipe(to);
  from.on('error', (error) => to.destroy(error));
  from.on('close', () => {
    if (to.destroyed) return;
    // What was taken is still to be handed over; what comes back has nobody to go to.
    if (to.writableFinished) to.destroy();
    else to.end(() => to.destroy());
  });
}
