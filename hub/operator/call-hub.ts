import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:http';
import { get as getOverTls } from 'node:https';
import { text } from 'node:stream/consumers';
import { messageOf } from '../../shared/base/errors.ts';
import type { HubAccess } from './find-server.ts';

const DEADLINE_MS = 30_000;
/** How long nothing may come before the hub is asked whether it is still there. */
const KEEP_ALIVE_MS = 20_000;

/** What the hub answers to a GET; @throws Error with the hub's own sentence where it refuses */
export async function callHub(access: HubAccess, path: string): Promise<unknown> {
  const { server } = access;
  const { code, body } = await read(access, path).catch((error: unknown) => {
    throw unreachable(server, error);
  });
  const answer = parseJson(body);
  if (code === 200 && answer !== undefined) return answer;
  throw new Error(explainAnswer(server, code, body));
}

/**
 * What the hub answers to a GET, as it comes, for as long as it does: a machine may say nothing for days, after which
 * `fetch` would not wait. @throws as `callHub`, and where it breaks off
 */
export async function* readHub(access: HubAccess, path: string): AsyncGenerator<Buffer> {
  const { server } = access;
  const url = new URL(path, server);
  const open = url.protocol === 'https:' ? getOverTls : get;
  const request = open(url, { headers: compileHeaders(access), timeout: DEADLINE_MS });
  request.once('timeout', () => request.destroy(new Error(`no answer within ${DEADLINE_MS / 1_000} s`)));
  request.once('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
  const [response] = (await once(request, 'response').catch((error: unknown) => {
    throw unreachable(server, error);
  })) as [IncomingMessage];
  request.setTimeout(0);
  if (response.statusCode !== 200)
    throw new Error(explainAnswer(server, response.statusCode ?? 0, await text(response)));
  try {
    yield* response;
  } catch (error) {
    throw new Error('the answer broke off: the hub, the box or the way to them was lost', { cause: error });
  }
}

/** The sentence of an answer that is not the one asked for: the hub's own, where it is one. */
export function explainAnswer(server: string, code: number, body: string): string {
  const answer = parseJson(body);
  const said =
    typeof answer === 'object' && answer !== null && 'message' in answer ? String(answer.message) : '';
  return said === '' ? `${server} answered ${code}, which is not what a hub says` : said;
}

/** Who asks. */
export function compileHeaders({ token }: HubAccess): Record<string, string> {
  return token === '' ? {} : { authorization: `Bearer ${token}` };
}

function unreachable(server: string, error: unknown): Error {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return new Error(`no hub answers at ${server}: ${messageOf(cause)}`, { cause: error });
}

async function read(access: HubAccess, path: string): Promise<{ code: number; body: string }> {
  const response = await fetch(new URL(path, access.server), {
    headers: { accept: 'application/json', ...compileHeaders(access) },
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  return { code: response.status, body: await response.text() };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}
