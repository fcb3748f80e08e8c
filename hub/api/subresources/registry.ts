import type { KindDefinition } from '../../../shared/model/kind.ts';
import type { Subresource, Target } from './subresource.ts';
import { expandSpec } from './expand-spec.ts';
import { finalize } from './finalize.ts';
import { freeze, unfreeze } from './freeze.ts';
import { log, logOfInstance } from './log.ts';
import { ping } from './ping.ts';
import { pause, reset, softReboot, unpause } from './guest-orders.ts';
import { fileSystemList, guestOsInfo, userList } from './read-guest.ts';
import { screenshot } from './screenshot.ts';
import { console, portForward, portForwardOfMachine, usbRedirection, vnc } from './streams.ts';
import { restart } from './restart.ts';
import { start } from './start.ts';
import { stop } from './stop.ts';
import { timeline } from './timeline.ts';
import {
  addVolumeToInstance,
  addVolumeToMachine,
  removeVolumeFromInstance,
  removeVolumeFromMachine,
} from './volumes.ts';

/** Every subresource but `status`, which belongs to the kinds: a file each beside this one, and a line here. */
const SUBRESOURCES: readonly Subresource[] = [
  timeline,
  ping,
  expandSpec,
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
  freeze,
  unfreeze,
  console,
  vnc,
  screenshot,
  portForward,
  portForwardOfMachine,
  usbRedirection,
  log,
  logOfInstance,
  finalize,
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
    const { kind, name: path, parameters: [least, most] = [0, 0] } = subresource;
    const isServed = subresource.group === group && subresource.versions.includes(version);
    const isInside = !kind.namespaced || segments[0] === 'namespaces';
    const [plural, name = '', ...rest] = kind.namespaced ? segments.slice(2) : segments;
    const steps = path.split('/');
    const isNamed = plural === kind.plural && steps.every((step, index) => rest[index] === step);
    const parameters = rest.slice(steps.length);
    const fits = parameters.length >= least && parameters.length <= most;
    if (!isServed || !isInside || !isNamed || !fits) continue;
    const namespace = kind.namespaced ? (segments[1] ?? '') : '';
    return { subresource, target: { namespace, name, parameters } };
  }
  return undefined;
}
