import { messageOf } from '../../../shared/base/errors.ts';
import type { Log } from '../../../shared/ports.ts';
import type { EncodedReply } from '../answer.ts';
import { pathNotFound } from '../errors.ts';

/** One thing that has to be well. */
export interface HealthCheck {
  readonly name: string;
  /** Whether it says that the hub can't go on (`/livez`), or that it is not to be asked now (`/readyz`) too. */
  readonly of: 'livez' | 'readyz';
  /** @throws Error where it is not well */
  readonly check: () => void | Promise<void>;
}

const ENDPOINTS: readonly string[] = ['livez', 'readyz', 'healthz'];

export const isHealthPath = ([first = '']: readonly string[]): boolean => ENDPOINTS.includes(first);

/**
 * `/livez`, `/readyz` and `/healthz` as Kubernetes' API server answers them: `?verbose` names every check, `?exclude=`
 * leaves one out, and `/readyz/NAME` is one alone. Why one failed is in the log only.
 * @throws ApiError 404
 */
export async function serveHealth(
  checks: readonly HealthCheck[],
  [endpoint = '', ...rest]: readonly string[],
  query: URLSearchParams,
  log: Log,
): Promise<EncodedReply> {
  const all = checks.filter(({ of: where }) => where === 'livez' || endpoint === 'readyz');
  const single = rest.length === 0 ? undefined : all.find(({ name }) => name === rest.join('/'));
  if (rest.length > 0 && single === undefined) throw pathNotFound();
  const excluded = query.getAll('exclude');
  const lines: string[] = [];
  let isWell = true;
  for (const { name, check } of single === undefined ? all : [single]) {
    if (excluded.includes(name)) {
      lines.push(`[+]${name} excluded: ok`);
      continue;
    }
    try {
      await check();
      lines.push(`[+]${name} ok`);
    } catch (error) {
      isWell = false;
      log.warn({ check: name, error: messageOf(error) }, 'a health check failed');
      lines.push(`[-]${name} failed: reason withheld`);
    }
  }
  const unknown = excluded.filter((name) => !all.some((one) => one.name === name));
  if (unknown.length > 0) {
    lines.push(
      `warn: some health checks cannot be excluded: no matches for ${unknown.map((name) => `"${name}"`).join(', ')}`,
    );
  }
  if (!isWell) return text(`${lines.join('\n')}\n${endpoint} check failed\n`, 500);
  if (!query.has('verbose')) return text('ok');
  return text(`${lines.join('\n')}\n${endpoint} check passed\n`);
}

function text(content: string, code = 200): EncodedReply {
  return { form: 'encoded', code, content, contentType: 'text/plain; charset=utf-8' };
}
