import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { codeOf, messageOf } from '../../shared/base/errors.ts';
import { writeFileDurably } from '../../shared/host/files.ts';
import type { Log } from '../../shared/ports.ts';

/** By what a server tells versions of a file apart (RFC 9110, section 8.8). */
export const validators = z.object({ etag: z.string().optional(), lastModified: z.string().optional() });
export type Validators = z.infer<typeof validators>;

/** What is known of a source from earlier fetches. */
const knownSource = validators.extend({
  /** Where the validators come from: another server's mean nothing. */
  url: z.string(),
  /** The base that serves for a source without a checksum. */
  sha256: z.string().optional(),
  /** Those of all files that were asked for, where it is not a disk. */
  files: z.array(z.string()).optional(),
  /** Why the newest version was not taken after it had been downloaded in full, and when that was. */
  refused: z.object({ code: z.string(), message: z.string(), atMs: z.number() }).optional(),
});
export type KnownSource = z.infer<typeof knownSource>;

export interface Sources {
  get(key: string): KnownSource | undefined;
  put(key: string, source: KnownSource): void;
  forget(key: string): void;
  /** What bases the sources with these keys are served by. */
  contentsOf(keys: ReadonlySet<string>): string[];
  /** Forgets the sources of a base that was deleted. */
  forgetContent(sha256: string): void;
}

/**
 * The durable map from `sourceKey` to what is known of the source. It holds URLs as they were given, secrets in
 * them included, and is for its owner alone to read.
 */
export function createSources(path: string, log: Log): Sources {
  const sources = new Map(Object.entries(readSources(path, log)));
  const save = () => writeFileDurably(path, JSON.stringify(Object.fromEntries(sources), undefined, 1));
  const contentsOf = ({ sha256, files = [] }: KnownSource) => [
    ...(sha256 === undefined ? [] : [sha256]),
    ...files,
  ];
  return {
    get: (key) => sources.get(key),
    put(key, source) {
      sources.set(key, source);
      save();
    },
    forget(key) {
      if (sources.delete(key)) save();
    },
    contentsOf: (keys) => [...sources].flatMap(([key, source]) => (keys.has(key) ? contentsOf(source) : [])),
    forgetContent(sha256) {
      const gone = [...sources].filter(([, source]) => contentsOf(source).includes(sha256));
      for (const [key] of gone) sources.delete(key);
      if (gone.length > 0) save();
    },
  };
}

/** A map that can't be read costs a download, which is no reason to keep a box's machines from starting. */
function readSources(path: string, log: Log): Record<string, KnownSource> {
  try {
    return z.record(z.string(), knownSource).parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') {
      log.warn({ path, error: messageOf(error) }, 'the map of image sources is unreadable: starting anew');
    }
    return {};
  }
}
