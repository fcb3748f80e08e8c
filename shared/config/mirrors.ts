import { parseImageReference } from '../base/image-reference.ts';
import type { Setting } from './settings.ts';

/** Images whose names begin with `prefix` (whole components) are had from `url` instead. */
export interface Mirror {
  /** `HOST[:PORT][/PATH]`. */
  readonly prefix: string;
  /** `https://HOST[:PORT][/PATH]`, or http where that is meant. */
  readonly url: string;
}

/** `PREFIX=URL`, several of them separated by commas. */
export const mirrors = (options: Pick<Setting<unknown>, 'prose' | 'fallback'>): Setting<Mirror[]> => ({
  placeholder: 'PREFIX=URL,...',
  ...options,
  parse: (text) =>
    text
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '')
      .map(parseMirror),
});

function parseMirror(entry: string): Mirror {
  const equals = entry.indexOf('=');
  const [prefix, url] = [entry.slice(0, Math.max(equals, 0)), entry.slice(equals + 1)];
  const sample = parseImageReference(`${prefix}/image`);
  if (
    sample === undefined ||
    `${sample.host}/${sample.repository}` !==
      `${prefix}/image`.replace(/^docker\.io\/image$/, 'docker.io/library/image')
  ) {
    throw new Error(
      `must be PREFIX=URL with a prefix such as docker.io or registry:5000/kubevirt, not "${entry}"`,
    );
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isPlain =
    parsed !== undefined && `${parsed.username}${parsed.password}${parsed.search}${parsed.hash}` === '';
  if (!isPlain || !/^https?:$/.test(parsed.protocol)) {
    throw new Error(`must lead to https:// or http:// URLs without a login or a query, not "${url}"`);
  }
  return { prefix, url };
}
