import { warningsOf } from '../../shared/model/kind.ts';
import type { Tables } from '../ports.ts';
import type { Admission, ApiContext } from './context.ts';

/** Clients print every one; an object with a thousand disks shall not fill a screen, or an answer's header. */
const MOST_WARNINGS = 20;
const LONGEST_TEXT = 256;

/** All that whoever writes an object is to be told of it, in the write's own transaction. */
export async function findWarnings(
  context: ApiContext,
  tables: Tables,
  admission: Admission,
): Promise<readonly string[]> {
  const idle = warningsOf(admission.kind, admission.object);
  return [
    ...idle.map(({ field, why }) => `${field}: has no effect: ${why}`),
    ...((await context.warn?.(admission, tables)) ?? []),
  ];
}

/**
 * Values of `Warning` headers (RFC 7234, section 5.5), as Kubernetes' API server sends them and kubectl prints them:
 * code 299, no agent, and a quoted text.
 */
export function compileWarnings(texts: readonly string[]): string[] {
  const left = texts.length - MOST_WARNINGS;
  const more = left > 0 ? [`${left} more warnings are left out`] : [];
  return [...texts.slice(0, MOST_WARNINGS), ...more].map(compileWarning);
}

function compileWarning(text: string): string {
  const short = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1)}…` : text;
  const quoted = short.replaceAll(/\p{Cc}/gu, ' ').replaceAll(/["\\]/g, '\\$&');
  // Headers are bytes, which Node takes as Latin-1; clients read them as UTF-8.
  return `299 - "${Buffer.from(quoted, 'utf8').toString('latin1')}"`;
}
