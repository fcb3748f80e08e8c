import type { FieldWarning } from '../../shared/model/warnings.ts';

/** Clients print every one; an object with a thousand disks shall not fill a screen, or an answer's header. */
const MOST_WARNINGS = 20;
const LONGEST_TEXT = 256;

/** What a client is told of fields that change nothing here. */
export function describeMeaningless(warnings: readonly FieldWarning[]): string[] {
  return warnings.map(({ field, why }) => `${field}: has no effect: ${why}`);
}

/**
 * Values of `Warning` headers (RFC 7234, section 5.5), one a text, as Kubernetes' API server sends them and
 * kubectl prints them: code 299, no agent, and a quoted text.
 */
export function compileWarnings(texts: readonly string[]): string[] {
  const shown = texts.slice(0, MOST_WARNINGS);
  const left = texts.length - shown.length;
  return [...shown, ...(left > 0 ? [`${left} more such warnings`] : [])].map(compileWarning);
}

function compileWarning(text: string): string {
  const short = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1)}…` : text;
  const quoted = short.replaceAll(/\p{Cc}/gu, ' ').replaceAll(/["\\]/g, '\\$&');
  // Headers are bytes, which Node takes as Latin-1; clients read them as UTF-8.
  return `299 - "${Buffer.from(quoted, 'utf8').toString('latin1')}"`;
}
