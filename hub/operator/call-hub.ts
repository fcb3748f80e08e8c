import { messageOf } from '../../shared/base/errors.ts';
import type { HubAccess } from './find-server.ts';

const DEADLINE_MS = 30_000;

/** What the hub answers to a GET; @throws Error with the hub's own sentence where it refuses */
export async function callHub(access: HubAccess, path: string): Promise<unknown> {
  const { server } = access;
  const { code, text } = await read(access, path).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new Error(`no hub answers at ${server}: ${messageOf(cause)}`, { cause: error });
  });
  const answer = parseJson(text);
  if (code === 200 && answer !== undefined) return answer;
  const said =
    typeof answer === 'object' && answer !== null && 'message' in answer ? String(answer.message) : '';
  throw new Error(said === '' ? `${server} answered ${code}, which is not what a hub says` : said);
}

async function read({ server, token }: HubAccess, path: string): Promise<{ code: number; text: string }> {
  const response = await fetch(new URL(path, server), {
    headers: { accept: 'application/json', ...(token !== '' && { authorization: `Bearer ${token}` }) },
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
