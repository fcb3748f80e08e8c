import { z } from 'zod';
import type { ImageAccess } from '../../machine/image-source.ts';
import type { Endpoint } from './mirrors.ts';

/** A Docker `config.json`, as far as logins are in it. */
const dockerConfig = z.object({
  auths: z.record(
    z.string(),
    z.object({
      auth: z.string().optional(),
      username: z.string().optional(),
      password: z.string().optional(),
    }),
  ),
});

export type Login = NonNullable<ImageAccess['login']>;

/** The user and password for an endpoint: what came with the source, or else the box's own. */
export function findLogin(
  endpoint: Endpoint,
  access: ImageAccess | undefined,
  boxConfig: string | undefined,
): Login | undefined {
  return access?.login ?? searchConfig(access?.dockerConfig, endpoint) ?? searchConfig(boxConfig, endpoint);
}

/** The entry with the longest name that the endpoint's begins with: a login is for its own registry only. */
function searchConfig(text: string | undefined, { host, repository }: Endpoint): Login | undefined {
  if (text === undefined) return undefined;
  const name = `${host}/${repository}`;
  const entries = Object.entries(parseConfig(text)).map(([key, entry]) => ({ key: normalise(key), entry }));
  const [match] = entries
    .filter(({ key }) => name.startsWith(`${key}/`))
    .toSorted((a, b) => b.key.length - a.key.length);
  if (match === undefined) return undefined;
  const { auth, username, password } = match.entry;
  if (username !== undefined && password !== undefined) return { user: username, password };
  const plain = Buffer.from(auth ?? '', 'base64').toString('utf8');
  const colon = plain.indexOf(':');
  return colon < 0 ? undefined : { user: plain.slice(0, colon), password: plain.slice(colon + 1) };
}

/** What can't be read has no login; that one was needed, the registry will say. */
function parseConfig(text: string): z.infer<typeof dockerConfig>['auths'] {
  try {
    return dockerConfig.parse(JSON.parse(text)).auths;
  } catch {
    return {};
  }
}

/** Docker writes its own hub as `https://index.docker.io/v1/`, and others at times as URLs too. */
function normalise(key: string): string {
  const name = key.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '');
  return name === 'index.docker.io' ? 'docker.io' : name;
}
