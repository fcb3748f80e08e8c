import { isSameJson } from '../../shared/base/same-json.ts';
import type { Clock } from '../../shared/ports.ts';
import type { GuestDetails } from '../guest.ts';
import type { GuestAgent } from './guest-agent.ts';
import { readAddresses, readDetails } from './guest-commands.ts';
import type { GuestAddresses } from './guest-forms.ts';

const ADDRESSES_EVERY_MS = 30_000;
/** What a guest needs to find a card that was plugged in. */
const CARD_SETTLES_MS = 3_000;
/** KubeVirt asks every two minutes what a guest is. */
const DETAILS_EVERY_MS = 120_000;

export interface GuestKnowledge {
  readonly addresses: GuestAddresses;
  readonly details?: GuestDetails;
}

const NOTHING: GuestKnowledge = { addresses: [] };

export type GuestWatch = ReturnType<typeof createGuestWatch>;

/** What a guest's agent last said: asked for in the background, so that a slow guest holds nothing up. */
export function createGuestWatch(agent: GuestAgent, clock: Clock, onChange: () => void) {
  let known = NOTHING;
  let knownOfRun = 0;
  let asking = false;
  let addressesAtMs = -Infinity;
  let detailsAtMs = -Infinity;

  const learn = (run: number, heard: Partial<GuestKnowledge>) => {
    const next = { ...known, ...heard };
    if (knownOfRun !== run || isSameJson(next, known)) return;
    known = next;
    onChange();
  };

  const ask = async (run: number, withDetails: boolean) => {
    await agent.use(run, async (turn) => {
      learn(run, { addresses: await readAddresses(turn) });
      if (withDetails) learn(run, { details: await readDetails(turn) });
    });
  };

  const forget = (run: number) => {
    known = NOTHING;
    knownOfRun = run;
    addressesAtMs = -Infinity;
    detailsAtMs = -Infinity;
  };

  return {
    /** A card has come or gone: the guest is asked as soon as it may have seen that. */
    cardsChanged(): void {
      addressesAtMs = clock.monotonic() - ADDRESSES_EVERY_MS + CARD_SETTLES_MS;
    },

    /** What is known, while the agent is connected. A guest that is held can't answer, and is not asked. */
    read(run: number, connected: boolean, runs: boolean): GuestKnowledge {
      if (run !== knownOfRun || !connected) forget(run);
      const nowMs = clock.monotonic();
      if (connected && runs && !asking && nowMs - addressesAtMs >= ADDRESSES_EVERY_MS) {
        const withDetails = nowMs - detailsAtMs >= DETAILS_EVERY_MS;
        addressesAtMs = nowMs;
        if (withDetails) detailsAtMs = nowMs;
        asking = true;
        ask(run, withDetails)
          .catch(() => {
            // What it is has not been heard yet: it is asked again with the addresses.
            detailsAtMs = known.details === undefined ? -Infinity : detailsAtMs;
          })
          .finally(() => {
            asking = false;
          });
      }
      return known;
    },
  };
}
