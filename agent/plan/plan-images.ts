import { restartDelayMs } from '../../shared/base/backoff.ts';
import { formatBytes } from '../../shared/base/quantity.ts';
import type { ImageSource } from '../machine/image-source.ts';
import { asksFirst, clonedDisk, sourceKey } from '../machine/image-source.ts';
import type { NeededImage } from '../machine/images.ts';
import type { ImageStatus, ReadyImage } from '../images-port.ts';
import type { MachineMemory } from './memory.ts';
import type { Action, Draft, Situation } from './plan.ts';

/** Progress is told in steps of this many per cent, so that a download is not a stream of reports. */
const PROGRESS_STEP = 5;

/** The images that disks are now made from, by `sourceKey`; or what to do first about one that is not there. */
export function gatherImages(
  situation: Situation,
  memory: MachineMemory,
  needed: readonly NeededImage[],
): { readonly images: ReadonlyMap<string, ReadyImage> } | Draft {
  const images = new Map<string, ReadyImage>();
  for (const { source, dataVolume } of needed) {
    if (dataVolume !== undefined && situation.observed?.disks.includes(dataVolume) === true) continue;
    const status = situation.imageStatus(source);
    if (status.state !== 'ready') return provision(situation, memory, source, status);
    const key = sourceKey(source);
    // What is kept may be old: its server is asked once before a disk is made from it.
    if (asksFirst(source) && memory.askedImages?.includes(key) !== true) {
      return provision(situation, memory, source, { state: 'absent' });
    }
    images.set(key, status);
  }
  return { images };
}

function provision(
  situation: Situation,
  memory: MachineMemory,
  source: ImageSource,
  status: ImageStatus,
): Draft {
  const draft = { memory, state: 'Provisioning' as const };
  const cloned = clonedDisk(source);
  const isMissing = cloned !== undefined && !situation.hasDisk(cloned.uid, cloned.dataVolume);
  if (isMissing && status.state !== 'fetching') {
    const message = `waits for the disk of the data volume ${cloned.dataVolume}, of which it is to be a copy: that is not on this box yet`;
    return { ...draft, actions: [], reason: 'WaitingForDataVolume', message };
  }
  const unfetched = status.state === 'absent' ? explainUnfetched(source) : undefined;
  if (unfetched !== undefined) return { ...draft, actions: [], ...unfetched };
  const fetch: Action = { kind: 'fetch-image', source };
  const asked = { ...memory, askedImages: [...(memory.askedImages ?? []), sourceKey(source)] };
  switch (status.state) {
    case 'absent':
      return {
        ...draft,
        memory: asked,
        actions: [fetch],
        reason: 'FetchingImage',
        message: describeFetch(source),
      };
    case 'fetching':
      return {
        ...draft,
        actions: [],
        reason: 'FetchingImage',
        message: `${describeFetch(source)}${progress(status)}`,
      };
    case 'failed': {
      const againAtMs = status.atMs + restartDelayMs(status.attempts, situation.jitter / 10);
      const due = situation.nowMs >= againAtMs;
      return {
        ...draft,
        actions: due ? [fetch] : [],
        reason: status.code,
        message: `${status.message}; tried ${status.attempts} times, and again until it works`,
        warning: true,
        ...(due ? {} : { wakeAtMs: againAtMs }),
      };
    }
    case 'ready':
      throw new Error('bug: a ready image has nothing to wait for');
  }
}

interface Progress {
  readonly bytes: number;
  readonly totalBytes?: number;
}

/** How much of a download is there, in steps; undefined where its size is not known. */
export function percentOf({ bytes, totalBytes }: Progress): number | undefined {
  if (totalBytes === undefined || totalBytes === 0) return undefined;
  return Math.floor((100 * bytes) / totalBytes / PROGRESS_STEP) * PROGRESS_STEP;
}

function progress(status: Progress): string {
  const percent = percentOf(status);
  return percent === undefined ? '' : `: ${percent} % of ${formatBytes(status.totalBytes ?? 0)}`;
}

/** Why nothing is fetched though the image is not here, where that is so. */
function explainUnfetched({
  url,
  pull,
}: ImageSource): Pick<Draft, 'reason' | 'message' | 'warning'> | undefined {
  if (url.startsWith('upload:')) {
    const message = 'waits to be filled on the box: holdfast image upload NAMESPACE/NAME FILE';
    return { reason: 'WaitingForUpload', message };
  }
  if (pull !== 'Never') return undefined;
  const message = `${url} is not on the box, and imagePullPolicy Never forbids to fetch it`;
  return { reason: 'ErrImageNeverPull', message, warning: true };
}

function describeFetch({ url }: ImageSource): string {
  return url.startsWith('clone:') ? `copying the disk ${url.slice('clone:'.length)}` : `fetching ${url}`;
}
