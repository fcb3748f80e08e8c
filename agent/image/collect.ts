import { rm, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBytes } from '../../shared/base/quantity.ts';
import type { Bases } from './bases.ts';
import { findUsedBases } from './chains.ts';
import type { Sources } from './sources.ts';

/** How long a base stays after it was last to be had: the start that it was given to may not have its disk yet. */
const GRACE_MS = 600_000;
/** How often the use of a base is written down. */
const NOTE_EVERY_MS = 3_600_000;
/** How long a download that nothing goes on with is kept to be resumed. */
const STALE_MS = 7 * 24 * 3_600_000;

export interface CollectOptions {
  /** The data directory, with all disks somewhere below. */
  readonly dataDir: string;
  readonly imagesFolder: string;
  readonly partialFolder: string;
  readonly bases: Bases;
  readonly sources: Sources;
  /** The keys of sources that a desired entry names, or that are being fetched. */
  readonly needed: ReadonlySet<string>;
  /** When each base was last given out, by this process. */
  readonly givenOutAtMs: ReadonlyMap<string, number>;
  /** Names of downloads that are gone on with. */
  readonly underWay: ReadonlySet<string>;
  readonly nowMs: number;
  /** More bytes than this, and unused bases go, the one first that has been unused for longest. */
  readonly budgetBytes: number;
  /** And where so much room is asked for, whatever the budget. */
  readonly wantedBytes: number;
}

/** A base that was deleted, and why, for people. */
export interface Collected {
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * Deletes bases that no disk lies over and no desired entry needs.
 * @throws where what is used can't be told: then nothing is deleted
 */
export async function collect(options: CollectOptions): Promise<Collected[]> {
  const { bases, sources, needed, givenOutAtMs, nowMs } = options;
  let freed = await clearStale(options);
  const all = await bases.list();
  let total = all.reduce((sum, { bytes }) => sum + bytes, 0);
  const used = new Set([
    ...(await findUsedBases(options.dataDir, options.imagesFolder)),
    ...sources.contentsOf(needed),
    // A source with a checksum may be known by that alone.
    ...[...needed].map((key) => key.replace(/^sha256:/, '')),
  ]);
  const collected: Collected[] = [];
  for (const { sha256, bytes, usedAtMs } of all.toSorted((a, b) => a.usedAtMs - b.usedAtMs)) {
    if (used.has(sha256)) {
      if (nowMs - usedAtMs > NOTE_EVERY_MS) await bases.noteUse(sha256, nowMs);
      continue;
    }
    if (total <= options.budgetBytes && freed >= options.wantedBytes) continue;
    if (nowMs - (givenOutAtMs.get(sha256) ?? -Infinity) < GRACE_MS) continue;
    // First: a source that says it has what is gone would only be absent, but so it says what is so.
    sources.forgetContent(sha256);
    await bases.remove(sha256);
    collected.push({ sha256, bytes });
    total -= bytes;
    freed += bytes;
  }
  return collected;
}

/** Deletes what is left of downloads that nothing goes on with: old ones, and all where room is needed. */
async function clearStale({ partialFolder, underWay, nowMs, wantedBytes }: CollectOptions): Promise<number> {
  let freed = 0;
  for (const name of await readdir(partialFolder)) {
    // The folders of one download begin with its name.
    if (underWay.has(name.slice(0, 64))) continue;
    const path = join(partialFolder, name);
    const { mtimeMs } = await stat(path);
    if (wantedBytes === 0 && nowMs - mtimeMs < STALE_MS) continue;
    for (const file of await readdir(path)) freed += (await stat(join(path, file))).blocks * 512;
    await rm(path, { recursive: true, force: true });
  }
  return freed;
}

export function describeCollected({ sha256, bytes }: Collected): string {
  return `the image ${sha256.slice(0, 12)} (${formatBytes(bytes)}) was deleted: nothing uses it`;
}
