import type { KindDefinition } from '../../shared/model/kind.ts';
import type { Subresource, Target } from './subresource.ts';
import { ping } from './subresources/ping.ts';
import { pause, reset, softReboot, unpause } from './subresources/guest-orders.ts';
import { fileSystemList, guestOsInfo, userList } from './subresources/read-guest.ts';
import { restart } from './subresources/restart.ts';
import { start } from './subresources/start.ts';
import { stop } from './subresources/stop.ts';
import { timeline } from './subresources/timeline.ts';
import {
  addVolumeToInstance,
  addVolumeToMachine,
  removeVolumeFromInstance,
  removeVolumeFromMachine,
} from './subresources/volumes.ts';

/** Every subresource but `status`, which belongs to the kinds: a file each in `subresources/`, and a line here. */
const SUBRESOURCES: readonly Subresource[] = [
  timeline,
  ping,
  start,
  stop,
  restart,
  pause,
  unpause,
  softReboot,
  reset,
  guestOsInfo,
  userList,
  fileSystemList,
  addVolumeToMachine,
  removeVolumeFromMachine,
  addVolumeToInstance,
  removeVolumeFromInstance,
];

/** Those of the kinds that are served. */
export function subresourcesOf(kinds: readonly KindDefinition[]): Subresource[] {
  return SUBRESOURCES.filter(({ kind }) => kinds.includes(kind));
}

/** Which subresource a path after `/apis/GROUP` leads to, and of what object; undefined where to none. */
export function findSubresource(
  kinds: readonly KindDefinition[],
  group: string,
  [version = '', ...segments]: readonly string[],
): { readonly subresource: Subresource; readonly target: Target } | undefined {
  for (const subresource of subresourcesOf(kinds)) {
    const { kind, name: last } = subresource;
    const isServed = subresource.group === group && subresource.versions.includes(version);
    const place = kind.namespaced ? segments.slice(2) : segments;
    const isInside = !kind.namespaced || segments[0] === 'namespaces';
    const [plural, name = '', subname] = place;
    if (!isServed || !isInside || place.length !== 3 || plural !== kind.plural || subname !== last) continue;
    return { subresource, target: { namespace: kind.namespaced ? (segments[1] ?? '') : '', name } };
  }
  return undefined;
}
