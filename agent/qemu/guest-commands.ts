import { sleep } from '../../shared/base/deadline.ts';
import { EffectError, codeOf } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import { z } from 'zod';
import type { GuestDetails, GuestUsage } from '../guest.ts';
import type { GuestAgent, GuestTurn } from './guest-agent.ts';
import type { GuestAddresses } from './guest-forms.ts';
import {
  parseAddresses,
  parseAgent,
  parseExit,
  parseFileSystems,
  parseHostname,
  parseLoad,
  parseOs,
  parseTimezone,
  parseUsers,
} from './guest-forms.ts';

/**
 * What is asked of a guest's agent: QEMU guest agent protocol reference. All of it may throw EffectError
 * GuestAgentFailed, and GuestAgentRefused where the agent has no such command or could not do it.
 */

const POLL_FIRST_MS = 50;
const POLL_MOST_MS = 1_000;
/** A file system is thawed by QEMU's guest agent only when told to; freezing waits for what is being written. */
const FREEZE_DEADLINE_MS = 60_000;

/** The guest's addresses by interface, loopback left out. */
export async function readAddresses(turn: GuestTurn): Promise<GuestAddresses> {
  return parseAddresses(await turn.execute('guest-network-get-interfaces'));
}

/** What a guest is: what changes rarely. What its agent has no command for is left out. */
export async function readDetails(turn: GuestTurn): Promise<GuestDetails> {
  const agent = parseAgent(await turn.execute('guest-info'));
  if (agent === undefined)
    throw new EffectError('GuestAgentFailed', 'guest-info', 'the guest agent spoke nonsense');
  const os = parseOs(await attempt(turn, 'guest-get-osinfo'));
  const hostname = parseHostname(await attempt(turn, 'guest-get-host-name'));
  const timezone = parseTimezone(await attempt(turn, 'guest-get-timezone'));
  return {
    agentVersion: agent.version,
    commands: agent.commands,
    os,
    ...(hostname !== undefined && { hostname }),
    ...(timezone !== undefined && { timezone }),
  };
}

/** What changes from minute to minute in a guest. */
export async function readUsage(turn: GuestTurn): Promise<GuestUsage> {
  const users = parseUsers(await attempt(turn, 'guest-get-users'));
  const fileSystems = parseFileSystems(await attempt(turn, 'guest-get-fsinfo'));
  const load = parseLoad(await attempt(turn, 'guest-get-load'));
  const frozen = (await attempt(turn, 'guest-fsfreeze-status')) === 'frozen';
  return { users, fileSystems, frozen, ...(load !== undefined && { load }) };
}

/**
 * Runs a command in the guest and gives its exit code, -1 where a signal ended it. Others have their turn with the
 * agent while it runs. What outlasts the deadline goes on in the guest, as in KubeVirt.
 */
export async function runInGuest(
  agent: GuestAgent,
  run: number,
  [path = '', ...args]: readonly string[],
  deadlineMs: number,
  clock: Clock,
): Promise<number> {
  const untilMs = clock.monotonic() + deadlineMs;
  const started = await agent.use(run, async (turn) =>
    turn.execute('guest-exec', { path, arg: args, 'capture-output': false }),
  );
  const { pid } = z.object({ pid: z.int() }).parse(started);
  for (let waitMs = POLL_FIRST_MS; ; waitMs = Math.min(2 * waitMs, POLL_MOST_MS)) {
    const code = parseExit(await agent.use(run, async (turn) => turn.execute('guest-exec-status', { pid })));
    if (code !== undefined) return code;
    const leftMs = untilMs - clock.monotonic();
    if (leftMs <= 0) {
      throw new EffectError(
        'GuestAgentFailed',
        path,
        `${path} did not end in the guest within ${deadlineMs / 1000} s`,
      );
    }
    await sleep(clock, Math.min(waitMs, leftMs));
  }
}

/** Writes a user's authorized keys, in place of those that were there where `reset`. */
export async function setAuthorizedKeys(
  turn: GuestTurn,
  username: string,
  keys: readonly string[],
  reset: boolean,
): Promise<void> {
  await turn.execute('guest-ssh-add-authorized-keys', { username, keys, reset });
}

export async function setUserPassword(turn: GuestTurn, username: string, password: string): Promise<void> {
  const encoded = Buffer.from(password, 'utf8').toString('base64');
  await turn.execute('guest-set-user-password', { username, password: encoded, crypted: false });
}

/** Freezes all file systems; they stay so until `thaw`. */
export async function freeze(turn: GuestTurn): Promise<void> {
  await turn.execute('guest-fsfreeze-freeze', undefined, FREEZE_DEADLINE_MS);
}

export async function thaw(turn: GuestTurn): Promise<void> {
  await turn.execute('guest-fsfreeze-thaw', undefined, FREEZE_DEADLINE_MS);
}

/** Asks the guest to shut down or to boot anew; there is no answer where it does. */
export async function shutDown(turn: GuestTurn, mode: 'powerdown' | 'reboot'): Promise<void> {
  await turn.send('guest-shutdown', { mode });
}

/** Undefined where the agent can't do it: older ones, and those of other systems, lack some commands. */
async function attempt(turn: GuestTurn, command: string): Promise<unknown> {
  return turn.execute(command).catch((error: unknown) => {
    if (codeOf(error) === 'GuestAgentRefused') return undefined;
    throw error;
  });
}
