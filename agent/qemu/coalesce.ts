import type { Clock } from '../../shared/ports.ts';

/**
 * Passes calls on at most every `spacingMs`: the first at once, those that come too soon after it as one when the
 * time is over. Whatever the last of them was about, it is never lost.
 */
export function coalesce(clock: Clock, spacingMs: number, passOn: () => void) {
  let cancel: (() => void) | undefined;
  let owed = false;

  const pass = () => {
    owed = false;
    cancel = clock.after(spacingMs, () => {
      cancel = undefined;
      if (owed) pass();
    });
    passOn();
  };

  return {
    tell() {
      if (cancel === undefined) pass();
      else owed = true;
    },
    /** Drops what is still owed. */
    close() {
      cancel?.();
      owed = false;
    },
  };
}
