import { messageOf } from '../../shared/base/errors.ts';
import type { HubAccess } from './find-server.ts';

const DEADLINE_MS = 30_000;

/** What the hub answers to a GET; @throws Error with the hub's own sentence where it refuses */
export async function callHub(access: HubAccess, path: string): Promise<unknown> {
  const { server } = access;
  const { code, text } = await read(access, path).catch((error: unknown) => {
    throw unreachable(server, error);
  });
  const answer = parseJson(text);
  if (code === 200 && answer !== undefined) return answer;
  throw new Error(explainAnswer(server, code, text));
}

/** What the hub answers to a GET, as it comes, for as long as it does; @throws as `callHub` */
export async function* readHub(access: HubAccess, path: string): AsyncGenerator<Uint8Array> {
  const { server } = access;
  const response = await fetch(new URL(path, server), { headers: compileHeaders(access) }).catch(
    (error: unknown) => {
      throw unreachable(server, error);
    },
  );
  if (response.status !== 200) throw new Error(explainAnswer(server, response.status, await response.text()));
  if (response.body !== null) yield* response.body;
}

/** The sentence of an answer that is not the one asked for: the hub's own, where it is one. */
export function explainAnswer(server: string, code: number, text: string): string {
  const answer = parseJson(text);
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

async function read(access: HubAccess, path: string): Promise<{ code: number; text: string }> {
  const response = await fetch(new URL(path, access.server), {
    headers: { accept: 'application/json', ...compileHeaders(access) },
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  return { code: response.status, text: await response.text() };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
