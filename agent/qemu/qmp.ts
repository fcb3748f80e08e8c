import { z } from 'zod';
import { EffectError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import { withDeadline } from '../../shared/base/deadline.ts';
import { createLineSplitter } from './lines.ts';
import { connectSocket } from './socket.ts';

/** QEMU's monitor: one JSON object a line each way, replies known by the id of their command (QMP's specification). */
export interface Qmp {
  /**
   * Runs a command and returns what it returned.
   * @throws EffectError QmpTimeout, QmpClosed, or QmpRefused with QEMU's own sentence
   */
  execute(command: string, deadlineMs?: number, args?: object): Promise<unknown>;
  close(): void;
}

export interface QmpOptions {
  readonly path: string;
  readonly clock: Clock;
  /** What greeting and each reply may take. */
  readonly deadlineMs: number;
  /** Calls with an event's name and what it says. */
  readonly onEvent: (name: string, data: unknown) => void;
  /** Calls once when QEMU hung up, not after `close`. */
  readonly onLost: () => void;
}

/** Replies can be long (a tree of disks), but a QEMU that was taken over must not fill the agent's memory. */
const MOST_LINE_BYTES = 16 * 2 ** 20;

const message = z.object({
  QMP: z.unknown().optional(),
  event: z.string().optional(),
  data: z.unknown().optional(),
  id: z.number().optional(),
  return: z.unknown().optional(),
  error: z.object({ class: z.string(), desc: z.string() }).optional(),
});
type Message = z.infer<typeof message>;

interface Waiting {
  readonly resolve: (reply: Message) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Connects, awaits the greeting and negotiates. QEMU serves one client of a monitor: with another connected, or
 * with QEMU itself stopped, the greeting does not come.
 * @throws EffectError QmpTimeout or QmpClosed; the system's error where nothing listens
 */
export async function connectQmp(options: QmpOptions): Promise<Qmp> {
  const { path, clock, deadlineMs } = options;
  const late = (what: string) =>
    new EffectError('QmpTimeout', path, `no answer to ${what} from QEMU's monitor`);
  const socket = await connectSocket(path, clock, deadlineMs, () => late('connecting'));

  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let open = true;
  let lost = options.onLost;

  const end = () => {
    if (!open) return;
    open = false;
    socket.destroy();
    const closed = new EffectError('QmpClosed', path, "QEMU's monitor hung up");
    for (const { reject } of waiting.values()) reject(closed);
    waiting.clear();
    lost();
  };

  /** The greeting is kept as the reply to id 0, which no command has. */
  const awaitReply = async (id: number, what: string, patienceMs = deadlineMs) => {
    const reply = new Promise<Message>((resolve, reject) => waiting.set(id, { resolve, reject }));
    try {
      return await withDeadline(clock, patienceMs, reply, () => late(what));
    } finally {
      waiting.delete(id);
    }
  };

  const execute: Qmp['execute'] = async (command, patienceMs, args) => {
    if (!open) throw new EffectError('QmpClosed', path, "QEMU's monitor hung up");
    lastId += 1;
    const id = lastId;
    const reply = awaitReply(id, command, patienceMs);
    socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    const { error, return: result } = await reply;
    if (error !== undefined)
      throw new EffectError('QmpRefused', command, `QEMU refused ${command}: ${error.desc}`);
    return result;
  };

  const readLine = (line: Buffer) => {
    const parsed = parseMessage(line);
    if (parsed === undefined) return;
    if (parsed.event !== undefined) options.onEvent(parsed.event, parsed.data);
    else waiting.get(parsed.QMP === undefined ? (parsed.id ?? -1) : 0)?.resolve(parsed);
  };

  const close = () => {
    lost = () => {};
    end();
  };

  socket.on('error', end);
  socket.on('close', end);
  const greeting = awaitReply(0, 'connecting');
  socket.on('data', createLineSplitter(MOST_LINE_BYTES, readLine, end));
  try {
    await greeting;
    await execute('qmp_capabilities');
  } catch (error) {
    close();
    throw error;
  }
  return { execute, close };
}

/** Undefined for what no QEMU says: it is passed over, as an unknown event is. */
function parseMessage(line: Buffer): Message | undefined {
  try {
    return message.parse(JSON.parse(line.toString('utf8')));
  } catch {
    return undefined;
  }
}
