import { join } from 'node:path';
import { isSameJson } from '../../shared/base/same-json.ts';
import type { Clock } from '../../shared/ports.ts';
import { socketFiles } from '../machine/files.ts';
import type { GuestAddresses } from './guest-agent.ts';
import { readGuestAddresses } from './guest-agent.ts';

const REFRESH_MS = 30_000;

/** The guest's addresses as last heard: asked for in the background, so that a slow guest holds nothing up. */
export function createAddressCache(folder: string, clock: Clock, onChange: () => void) {
  let known: GuestAddresses = [];
  let knownOfRun = 0;
  let askedAtMs = -Infinity;

  const ask = async (run: number) => {
    const heard = await readGuestAddresses(join(folder, socketFiles(run).guestAgent), clock).catch(
      () => undefined,
    );
    if (heard === undefined || knownOfRun !== run || isSameJson(heard, known)) return;
    known = heard;
    onChange();
  };

  const forget = (run: number) => {
    known = [];
    knownOfRun = run;
    askedAtMs = -Infinity;
  };

  return {
    /** What is known, while the agent is connected. */
    read(run: number, connected: boolean): GuestAddresses {
      if (run !== knownOfRun || !connected) forget(run);
      if (connected && clock.monotonic() - askedAtMs >= REFRESH_MS) {
        askedAtMs = clock.monotonic();
        ask(run).catch(() => {});
      }
      return known;
    },
  };
}
