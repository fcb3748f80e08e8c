import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { codeOf } from '../../shared/base/errors.ts';
import { http } from '../../shared/host/http.ts';
import { withSocketPath } from '../../shared/host/unix-socket.ts';
import type { OrderVerb } from '../plan/order.ts';
import type { TrashEntry } from '../trash-port.ts';
import type { LocalStatus } from './door.ts';

/** How long the agent may take to answer. */
const DEADLINE_MS = 10_000;

export const SOCKET_NAME = 'agent.sock';
/** Before the name of a data volume. */
export const UPLOAD_PATH = '/uploads/';

/** Asks the agent of `dataDir`; every call throws an Error with a sentence that says what to do. */
export interface LocalClient {
  status(): Promise<LocalStatus>;
  order(verb: OrderVerb, machine: string, reason: string, by?: string): Promise<void>;
  listTrash(): Promise<TrashEntry[]>;
  /** The data volumes whose disks the machine has got. */
  restoreTrash(entry: string, machine: string): Promise<string[]>;
  /** The entries that were deleted for good. */
  emptyTrash(entry?: string): Promise<string[]>;
  upload(volume: string, content: Readable): Promise<void>;
  openConsole(machine: string): Promise<Duplex>;
}

export function createLocalClient(dataDir: string): LocalClient {
  async function call(method: string, path: string, body?: object): Promise<string> {
    const { response } = await send(dataDir, method, path, {}, body);
    return readAnswer(response);
  }
  return {
    status: async () => JSON.parse(await call('GET', '/status')) as LocalStatus,
    async order(verb, machine, reason, by) {
      await call('POST', '/orders', { verb, machine, reason, by });
    },
    listTrash: async () => JSON.parse(await call('GET', '/trash')) as TrashEntry[],
    restoreTrash: async (entry, machine) =>
      JSON.parse(await call('POST', '/trash', { verb: 'restore', entry, machine })) as string[],
    emptyTrash: async (entry) =>
      JSON.parse(await call('POST', '/trash', { verb: 'empty', entry })) as string[],
    async upload(volume, content) {
      const path = `${UPLOAD_PATH}${encodeURIComponent(volume)}`;
      await readAnswer((await send(dataDir, 'PUT', path, {}, content)).response);
    },
    async openConsole(machine) {
      const path = `/console?machine=${encodeURIComponent(machine)}`;
      const { response, socket } = await send(dataDir, 'GET', path, {
        connection: 'Upgrade',
        upgrade: 'console',
      });
      if (socket !== undefined) return socket;
      await readAnswer(response);
      throw new Error('the agent did not open a console');
    },
  };
}

async function send(
  dataDir: string,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: object | Readable,
): Promise<{ response: IncomingMessage; socket?: Duplex }> {
  const socketPath = join(dataDir, SOCKET_NAME);
  try {
    return await withSocketPath(
      socketPath,
      (short) =>
        new Promise((resolve, reject) => {
          // Taking in what is uploaded, and looking at it, may take long without a word.
          const timeout = body instanceof Readable ? 0 : DEADLINE_MS;
          const call = http.request({ socketPath: short, method, path, headers, timeout });
          call.on('response', (response) => resolve({ response }));
          call.on('upgrade', (response, socket, head) => {
            if (head.length > 0) socket.unshift(head);
            resolve({ response, socket });
          });
          call.on('timeout', () =>
            call.destroy(new Error(`the agent did not answer within ${DEADLINE_MS / 1000} s`)),
          );
          call.on('error', reject);
          if (body instanceof Readable) {
            body.on('error', (error) => call.destroy(error));
            body.pipe(call);
          } else call.end(body === undefined ? undefined : JSON.stringify(body));
        }),
    );
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOENT' && code !== 'ECONNREFUSED') throw error;
    throw new Error(`no agent runs with ${dataDir}: start one, or name its --data-dir`, { cause: error });
  }
}

async function readAnswer(response: IncomingMessage): Promise<string> {
  const answer = await text(response);
  if ((response.statusCode ?? 500) < 300) return answer;
  let told: unknown;
  try {
    told = JSON.parse(answer);
  } catch {
    told = undefined;
  }
  const known = typeof told === 'object' && told !== null && 'error' in told ? String(told.error) : undefined;
  throw new Error(known ?? `the agent answered ${response.statusCode}: ${answer}`);
}
