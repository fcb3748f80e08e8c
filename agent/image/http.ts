import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { getCACertificates } from 'node:tls';
import { EffectError, codeOf, messageOf } from '../../shared/base/errors.ts';
import { http } from '../../shared/host/http.ts';
import type { Clock } from '../../shared/ports.ts';

/** Until the connection stands, TLS included. */
const CONNECT_MS = 15_000;
/** Between any two signs of life after that. */
const IDLE_MS = 30_000;
const MOST_REDIRECTS = 5;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /**
   * The bytes as they were sent, not unpacked. Ends with an EffectError `ConnectionLost` where the connection
   * broke before the end that the server had announced, `Stalled` where nothing came for too long. A body whose
   * length was not announced at all looks whole wherever it stops.
   */
  readonly body: AsyncIterable<Buffer>;
  /** Lets go of a body that nobody reads. */
  discard(): void;
}

export interface HttpOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Who may sign the server's certificate (PEM), beside those that the system trusts. */
  readonly certificates?: readonly string[];
  /** Sent to the server that is asked, and to none that it redirects to. */
  readonly secretHeaders?: Readonly<Record<string, string>>;
}

/**
 * A GET that follows redirects, except from https to http.
 * @throws EffectError `Unreachable`, `Stalled` or `BadRedirect`
 */
export async function httpGet(
  url: string,
  headers: Readonly<Record<string, string>>,
  options: HttpOptions,
): Promise<HttpAnswer> {
  const first = new URL(url);
  let target = first;
  for (let redirects = 0; ; redirects += 1) {
    const secret = target.origin === first.origin ? options.secretHeaders : {};
    const answer = await getOnce(target, { ...headers, ...secret }, options);
    const { location } = answer.headers;
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return answer;
    answer.discard();
    if (redirects === MOST_REDIRECTS) throw badRedirect(url, `is redirected more than ${redirects} times`);
    target = redirect(target, location, url);
  }
}

/** A URL fit for logs and conditions: without a password, and without a query, which may be a signature. */
export function showUrl(url: string): string {
  const { origin, pathname, search } = new URL(url);
  return `${origin}${pathname}${search === '' ? '' : '?…'}`;
}

/** Reads a body that is to be small. `subject` is what is asked for, fit to be shown. */
export async function readSmall(answer: HttpAnswer, subject: string, mostBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer.body) {
      bytes += chunk.length;
      if (bytes > mostBytes) {
        throw new EffectError('BadAnswer', subject, `${subject}: the answer is larger than ${mostBytes} B`);
      }
      chunks.push(chunk);
    }
  } finally {
    answer.discard();
  }
  return Buffer.concat(chunks);
}

function redirect(from: URL, location: string, asked: string): URL {
  const to = URL.canParse(location, from) ? new URL(location, from) : undefined;
  if (to?.protocol === 'https:' || (to?.protocol === 'http:' && from.protocol === 'http:')) return to;
  throw badRedirect(asked, `is redirected from ${from.protocol}// to ${to?.protocol ?? 'no address'}`);
}

function badRedirect(url: string, what: string): EffectError {
  return new EffectError('BadRedirect', showUrl(url), `${showUrl(url)} ${what}`);
}

function getOnce(
  url: URL,
  headers: Readonly<Record<string, string>>,
  { clock, signal, certificates = [] }: HttpOptions,
): Promise<HttpAnswer> {
  const shown = showUrl(url.href);
  const ca = certificates.length === 0 ? {} : { ca: [...getCACertificates('default'), ...certificates] };
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : http.request)(url, {
      headers,
      signal,
      ...ca,
    });
    const allow = (ms: number, code: string, what: string) =>
      clock.after(ms, () => {
        request.destroy(new EffectError(code, shown, `${shown}: ${what} within ${ms / 1000} s`));
      });
    let stopWatch = allow(CONNECT_MS, 'Unreachable', 'no connection');
    // Sent, so the connection stands.
    request.once('finish', () => {
      stopWatch();
      stopWatch = allow(IDLE_MS, 'Stalled', 'no answer');
    });
    request.once('response', (response) => {
      stopWatch();
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: readBody(response, shown, clock),
        discard: () => void response.destroy(),
      });
    });
    // Stays on after the answer: an error of a request that nobody listens to ends the process.
    request.on('error', (error) => {
      stopWatch();
      reject(error instanceof EffectError ? error : unreachable(shown, error));
    });
    request.end();
  });
}

function unreachable(shown: string, error: Error): EffectError {
  // Where several addresses were tried, the message is empty and the code says it.
  const why = messageOf(error) || codeOf(error) || 'unknown error';
  return new EffectError('Unreachable', shown, `${shown} can't be reached: ${why}`, error);
}

async function* readBody(response: IncomingMessage, shown: string, clock: Clock): AsyncGenerator<Buffer> {
  const watch = () =>
    clock.after(IDLE_MS, () => {
      const sentence = `${shown}: nothing came for ${IDLE_MS / 1000} s`;
      response.destroy(new EffectError('Stalled', shown, sentence));
    });
  let stopWatch = watch();
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      // The reader's own time (a slow disk) is not the server's.
      stopWatch();
      yield chunk;
      stopWatch = watch();
    }
  } catch (error) {
    if (error instanceof EffectError) throw error;
    throw new EffectError('ConnectionLost', shown, `${shown}: the connection was lost`, error);
  } finally {
    stopWatch();
  }
}
