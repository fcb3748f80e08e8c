import { createHash } from 'node:crypto';
import { z } from 'zod';
import { EffectError } from '../../../shared/base/errors.ts';
import type { HttpAnswer, HttpOptions } from '../http.ts';
import { httpGet, readSmall } from '../http.ts';
import type { Login } from './login.ts';
import { MANIFEST_TYPES, MOST_MANIFEST_BYTES } from './manifest.ts';
import type { Endpoint } from './mirrors.ts';

/** Reads one repository of a registry (OCI distribution-spec 1.1, Docker's token authentication). */
export interface Registry {
  /** A manifest by tag or digest, with its digest, which is checked where it was asked by. */
  manifest(version: string): Promise<{ readonly digest: string; readonly text: string }>;
  /** A blob, or what its `Range` header asks for. */
  blob(digest: string, headers: Readonly<Record<string, string>>): Promise<HttpAnswer>;
}

const MOST_TOKEN_BYTES = 1024 * 1024;

const tokenAnswer = z.object({ token: z.string().optional(), access_token: z.string().optional() });

export function createRegistry(
  endpoint: Endpoint,
  login: Login | undefined,
  options: Omit<HttpOptions, 'secretHeaders'>,
): Registry {
  const { origin, repository } = endpoint;
  let authorization: string | undefined;

  async function ask(path: string, headers: Readonly<Record<string, string>>): Promise<HttpAnswer> {
    const url = `${origin}/v2/${repository}/${path}`;
    const send = async () =>
      httpGet(url, headers, {
        ...options,
        secretHeaders: authorization === undefined ? {} : { authorization },
      });
    let answer = await send();
    if (answer.status === 401) {
      answer.discard();
      authorization = await authorize(answer.headers['www-authenticate'] ?? '');
      answer = await send();
    }
    if ([200, 206, 304, 416].includes(answer.status)) return answer;
    answer.discard();
    throw failure(answer.status, url);
  }

  function failure(status: number, url: string): EffectError {
    const fail = (code: string, what: string) => new EffectError(code, url, `${url}: ${what}`);
    if (status === 401 || status === 403) {
      const given = login === undefined ? 'no login was given' : `the login of ${login.user} does not serve`;
      return fail('Unauthorized', `the registry does not let this box read it: ${given}`);
    }
    if (status === 404)
      return fail('ImageNotFound', 'the registry has no such image, or shows it to others only');
    if (status === 429) return fail('TooManyRequests', 'the registry asks to be left alone for a while');
    return fail('HttpStatus', `the registry answered with ${status}`);
  }

  /** Answers a challenge (RFC 9110, section 11.6.1) with the header that it asks for. */
  async function authorize(challenge: string): Promise<string> {
    const basic = login && `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`;
    const bearer = /(?:^|[\s,])Bearer\s+(.*)$/i.exec(challenge)?.[1];
    if (bearer === undefined) {
      if (basic !== undefined && /(?:^|[\s,])Basic\b/i.test(challenge)) return basic;
      throw failure(401, `${origin}/v2/${repository}`);
    }
    const realm = parameterOf(bearer, 'realm');
    if (realm === undefined || !URL.canParse(realm)) throw badChallenge(challenge);
    const url = new URL(realm);
    // A login or a token in the clear is anyone's; where the registry itself is asked so, that has been decided.
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && origin.startsWith('http:'))) {
      throw badChallenge(challenge);
    }
    const service = parameterOf(bearer, 'service');
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', `repository:${repository}:pull`);
    const secretHeaders = basic === undefined ? {} : { authorization: basic };
    const answer = await httpGet(url.href, {}, { ...options, secretHeaders });
    if (answer.status !== 200) {
      answer.discard();
      throw failure(answer.status, `${url.origin}${url.pathname}`);
    }
    return `Bearer ${readToken(await readSmall(answer, `${url.origin}${url.pathname}`, MOST_TOKEN_BYTES))}`;
  }

  function readToken(body: Buffer): string {
    try {
      const { token, access_token: accessToken } = tokenAnswer.parse(JSON.parse(body.toString('utf8')));
      const given = token ?? accessToken;
      if (given !== undefined && /^[\x21-\x7e]+$/.test(given)) return given;
    } catch {
      // As one without a token.
    }
    throw new EffectError('BadAnswer', origin, `${origin}: the answer of who gives out its tokens has none`);
  }

  function badChallenge(challenge: string): EffectError {
    const words = JSON.stringify(challenge.slice(0, 200));
    return new EffectError(
      'BadAnswer',
      origin,
      `${origin} asks for a token in a way that can't be followed: ${words}`,
    );
  }

  return {
    async manifest(version) {
      const path = `manifests/${version}`;
      const answer = await ask(path, { accept: MANIFEST_TYPES.join(', ') });
      const shown = `${origin}/v2/${repository}/${path}`;
      const body = await readSmall(answer, shown, MOST_MANIFEST_BYTES);
      const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
      if (version.startsWith('sha256:') && version !== digest) {
        throw new EffectError('ChecksumMismatch', shown, `${shown}: what came has the digest ${digest}`);
      }
      return { digest, text: body.toString('utf8') };
    },
    blob: async (digest, headers) => ask(`blobs/${digest}`, headers),
  };
}

function parameterOf(challenge: string, name: string): string | undefined {
  const match = new RegExp(`(?:^|[\\s,])${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"]+))`, 'i').exec(
    challenge,
  );
  return match?.[1]?.replace(/\\(.)/g, '$1') ?? match?.[2];
}
