import type { Clock } from '../../shared/ports.ts';
import type { GuestDetails, GuestUsage } from '../guest.ts';
import type { GuestCredentials } from '../machine/credentials.ts';
import type { CredentialGiver } from './give-credentials.ts';
import type { GuestAgent } from './guest-agent.ts';
import { freeze, readDetails, readUsage, runInGuest, thaw } from './guest-commands.ts';

/** What a machine's guest is asked through its agent while it runs: as `Machines` has it. */
export interface GuestOrders {
  readGuest(): Promise<GuestDetails & GuestUsage>;
  giveCredentials(credentials: GuestCredentials): Promise<void>;
  runInGuest(command: readonly string[], deadlineMs: number): Promise<number>;
  pingGuest(deadlineMs: number): Promise<void>;
  freezeGuest(): Promise<void>;
  thawGuest(): Promise<void>;
}

interface GuestOrdersOptions {
  readonly agent: GuestAgent;
  readonly giver: CredentialGiver;
  readonly clock: Clock;
  /** @throws EffectError NotRunning */
  readonly locateRunning: () => Promise<{ readonly run: number }>;
}

export function createGuestOrders({ agent, giver, clock, locateRunning }: GuestOrdersOptions): GuestOrders {
  return {
    readGuest: async () => readGuestOf(agent, (await locateRunning()).run),
    async giveCredentials(credentials) {
      const { run } = await locateRunning();
      await giver.give(run, credentials);
    },
    async runInGuest(words, deadlineMs) {
      const { run } = await locateRunning();
      return runInGuest(agent, run, words, deadlineMs, clock);
    },
    async pingGuest(deadlineMs) {
      const { run } = await locateRunning();
      await agent.use(run, async (turn) => turn.execute('guest-ping', undefined, deadlineMs));
    },
    async freezeGuest() {
      const { run } = await locateRunning();
      await agent.use(run, freeze);
    },
    async thawGuest() {
      const { run } = await locateRunning();
      await agent.use(run, thaw);
    },
  };
}

export async function readGuestOf(agent: GuestAgent, run: number): Promise<GuestDetails & GuestUsage> {
  return agent.use(run, async (turn) => ({ ...(await readDetails(turn)), ...(await readUsage(turn)) }));
}
