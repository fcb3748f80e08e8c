import { join } from 'node:path';
import { z } from 'zod';
import { withDeadline } from '../../shared/base/deadline.ts';
import { EffectError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import { socketFiles } from '../machine/files.ts';
import { createLineSplitter } from './lines.ts';
import { connectSocket } from './socket.ts';

/** What answers is the guest, which may say anything: sizes are bounded, and only what fits a form is taken. */
const MOST_LINE_BYTES = 1024 * 1024;
const MOST_SENTENCE = 256;
const DEADLINE_MS = 5_000;
/** How many may wait for their turn: the guest decides how fast they get it. */
const MOST_WAITING = 16;
/** What the agent sends before its answer to `guest-sync-delimited`, and is sent to drop what it had half read. */
const SENTINEL = 0xff;

/** QEMU's guest agent, while one has its turn with it. */
export interface GuestTurn {
  /**
   * Runs a command and returns what it returned.
   * @throws EffectError GuestAgentFailed, or GuestAgentRefused with the agent's own sentence
   */
  execute(command: string, args?: object, deadlineMs?: number): Promise<unknown>;
  /** Sends a command that gives no answer where it works, such as `guest-shutdown`. */
  send(command: string, args?: object): Promise<void>;
}

/** A guest's agent. Its port serves one client, so each has its turn; nobody holds it for long. */
export interface GuestAgent {
  /**
   * Connects to the agent of a run, brings it in step, and lets `work` use it.
   * @throws EffectError as `GuestTurn.execute`
   */
  use<T>(run: number, work: (turn: GuestTurn) => Promise<T>): Promise<T>;
}

export function createGuestAgent(folder: string, clock: Clock): GuestAgent {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    async use(run, work) {
      if (waiting >= MOST_WAITING)
        throw new EffectError('GuestAgentFailed', folder, 'too much is asked of the guest agent at once');
      waiting += 1;
      const take = async () => takeTurn(join(folder, socketFiles(run).guestAgent), clock, work);
      const turn = last.then(take, take).finally(() => {
        waiting -= 1;
      });
      last = turn.catch(() => {});
      return turn;
    },
  };
}

const reply = z.object({
  return: z.unknown().optional(),
  error: z.object({ class: z.string().optional(), desc: z.string().optional() }).optional(),
});
type Reply = z.infer<typeof reply>;

async function takeTurn<T>(path: string, clock: Clock, work: (turn: GuestTurn) => Promise<T>): Promise<T> {
  const fail = (why: string, cause?: unknown) =>
    new EffectError('GuestAgentFailed', path, `the guest agent ${why}`, cause);
  const socket = await connectSocket(path, clock, DEADLINE_MS, () => fail('can not be reached')).catch(
    (error: unknown) => {
      throw error instanceof EffectError ? error : fail('can not be reached', error);
    },
  );
  let broken: Error | undefined;
  let expected: { resolve: (line: Buffer) => void; reject: (error: Error) => void } | undefined;
  const breakOff = (error: Error) => {
    broken ??= error;
    expected?.reject(broken);
  };
  socket.on(
    'data',
    createLineSplitter(
      MOST_LINE_BYTES,
      (line) => expected?.resolve(line),
      () => breakOff(fail('said too much')),
    ),
  );
  socket.on('error', (error) => breakOff(fail('can not be reached', error)));
  socket.on('close', () => breakOff(fail('hung up')));

  const write = (command: string, args?: object) =>
    socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
  /** The first line that `read` makes something of. */
  const awaitLine = async <R>(deadlineMs: number, read: (line: Buffer) => R | undefined): Promise<R> => {
    const found = new Promise<R>((resolve, reject) => {
      expected = {
        reject,
        resolve(line) {
          const result = read(line);
          if (result !== undefined) resolve(result);
        },
      };
      if (broken !== undefined) reject(broken);
    });
    try {
      return await withDeadline(clock, deadlineMs, found, () => fail('did not answer'));
    } finally {
      expected = undefined;
    }
  };

  const turn: GuestTurn = {
    async execute(command, args, deadlineMs = DEADLINE_MS) {
      write(command, args);
      const { error, return: result } = await awaitLine(deadlineMs, (line) => {
        const parsed = parseReply(line);
        if (parsed === undefined) breakOff(fail('spoke nonsense'));
        return parsed;
      });
      if (error === undefined) return result;
      const why = (error.desc ?? error.class ?? 'it does not say why').slice(0, MOST_SENTENCE);
      throw new EffectError('GuestAgentRefused', command, `the guest agent refused ${command}: ${why}`);
    },
    async send(command, args) {
      write(command, args);
      // Whoever hangs up before QEMU has read it takes it back.
      await new Promise<void>((resolve) => socket.end(resolve));
    },
  };
  try {
    socket.write(Buffer.from([SENTINEL]));
    const id = Math.floor(clock.monotonic()) + 1;
    write('guest-sync-delimited', { id });
    // Before that, lines may answer what an earlier client asked and did not wait for.
    await awaitLine(DEADLINE_MS, (line) => parseReply(line)?.return === id || undefined);
    return await work(turn);
  } finally {
    socket.destroy();
  }
}

function parseReply(line: Buffer): Reply | undefined {
  try {
    const parsed: unknown = JSON.parse(line.subarray(line.lastIndexOf(SENTINEL) + 1).toString('utf8'));
    const { return: result, error } = reply.parse(parsed);
    return result === undefined && error === undefined
      ? undefined
      : { ...(error !== undefined && { error }), ...(result !== undefined && { return: result }) };
  } catch {
    return undefined;
  }
}
