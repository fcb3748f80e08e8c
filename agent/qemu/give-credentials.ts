import { messageOf } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import type { GuestCredential, GuestCredentials } from '../machine/credentials.ts';
import type { GivenCredentials } from '../ports.ts';
import type { GuestAgent, GuestTurn } from './guest-agent.ts';
import { setAuthorizedKeys, setUserPassword } from './guest-commands.ts';

export type CredentialGiver = ReturnType<typeof createCredentialGiver>;

/** Gives users of the guest their keys and passwords, and remembers of the newest run what came of it. */
export function createCredentialGiver(agent: GuestAgent, clock: Clock) {
  let last: { readonly run: number; readonly given: GivenCredentials } | undefined;
  return {
    read: (run: number): GivenCredentials | undefined => (last?.run === run ? last.given : undefined),
    /** Never rejects: what fails of it is the `problem` of what is remembered. One user's does not keep another's. */
    async give(run: number, { digest, list }: GuestCredentials): Promise<void> {
      const problems: string[] = [];
      const giveAll = async (turn: GuestTurn) => {
        for (const credential of list) {
          await give(turn, credential).catch((error: unknown) => {
            problems.push(`${credential.kind} of ${credential.user}: ${messageOf(error)}`);
          });
        }
      };
      await agent.use(run, giveAll).catch((error: unknown) => {
        problems.push(messageOf(error));
      });
      const problem = problems.length === 0 ? {} : { problem: problems.join('; ') };
      last = { run, given: { digest, atMs: clock.monotonic(), ...problem } };
    },
  };
}

/** The keys that a user had before are replaced. */
async function give(turn: GuestTurn, credential: GuestCredential): Promise<void> {
  if (credential.kind === 'keys') return setAuthorizedKeys(turn, credential.user, credential.keys, true);
  return setUserPassword(turn, credential.user, credential.password);
}
