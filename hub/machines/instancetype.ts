import { quantityBytes } from '../../shared/base/quantity.ts';
import type { InstancetypeSpec } from '../../shared/model/instancetype.ts';
import type { PreferenceSpec } from '../../shared/model/preference.ts';
import { isSpread, spreadOf, topologyOf } from '../../shared/model/preference.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import type { Expansion } from './expansion.ts';
import { fillAt, findAt } from './expansion.ts';

/** What an instancetype gives a machine, and what it conflicts with, as KubeVirt has it: pure. */

/** From its place in the instancetype to the one in the machine's spec, which must be empty. */
const MOVES: readonly (readonly [string, string])[] = [
  ['cpu.model', 'domain.cpu.model'],
  ['cpu.dedicatedCPUPlacement', 'domain.cpu.dedicatedCpuPlacement'],
  ['cpu.isolateEmulatorThread', 'domain.cpu.isolateEmulatorThread'],
  ['cpu.numa', 'domain.cpu.numa'],
  ['cpu.realtime', 'domain.cpu.realtime'],
  ['cpu.maxSockets', 'domain.cpu.maxSockets'],
  ['memory.guest', 'domain.memory.guest'],
  ['memory.hugepages', 'domain.memory.hugepages'],
  ['memory.maxGuest', 'domain.memory.maxGuest'],
  ['ioThreads', 'domain.ioThreads'],
  ['ioThreadsPolicy', 'domain.ioThreadsPolicy'],
  ['launchSecurity', 'domain.launchSecurity'],
  ['gpus', 'domain.devices.gpus'],
  ['hostDevices', 'domain.devices.hostDevices'],
  ['nodeSelector', 'nodeSelector'],
  ['schedulerName', 'schedulerName'],
];

/** Of the machine, what an instancetype's sizes stand in the place of. */
const REPLACED: readonly (readonly [string, string])[] = [
  ['cpu.guest', 'domain.cpu.sockets'],
  ['cpu.guest', 'domain.cpu.cores'],
  ['cpu.guest', 'domain.cpu.threads'],
  ['cpu.guest', 'domain.resources.requests.cpu'],
  ['cpu.guest', 'domain.resources.limits.cpu'],
  ['memory.guest', 'domain.resources.requests.memory'],
  ['memory.guest', 'domain.resources.limits.memory'],
];

const THREADS_A_CORE = 2;

/** What a machine says itself of what its instancetype is to say; paths are those in the machine's spec. */
export function findConflicts(spec: object, instancetype: InstancetypeSpec): FieldCause[] {
  const moved = MOVES.filter(([source]) => isGiven(findAt(instancetype, source)));
  return [...moved, ...REPLACED]
    .filter(([, target]) => isGiven(findAt(spec, target)))
    .map(([source, target]) => ({
      field: target,
      reason: 'FieldValueInvalid',
      message: `conflicts with the instancetype's spec.${source}: give one of the two`,
    }));
}

/** As in KubeVirt, what is off or empty is as good as left out. */
function isGiven(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '' || value === 0) return false;
  return !Array.isArray(value) || value.length > 0;
}

/** Fills a machine's spec in with an instancetype that it has no conflict with. */
export function applyInstancetype(
  expansion: Expansion,
  instancetype: InstancetypeSpec,
  preference: PreferenceSpec | undefined,
): void {
  const fill = (source: string, target: string, value: unknown) =>
    fillAt(expansion, { target, from: 'instancetype', source }, value);
  for (const [source, target] of MOVES) {
    const value = findAt(instancetype, source);
    if (isGiven(value)) fill(source, target, value);
  }
  for (const [target, value] of Object.entries(shapeCpus(instancetype.cpu.guest, preference))) {
    fill('cpu.guest', `domain.cpu.${target}`, value);
  }
  const { guest, overcommitPercent = 0 } = instancetype.memory;
  if (overcommitPercent > 0) {
    const requested = Math.floor(quantityBytes(guest) * (1 - overcommitPercent / 100));
    fill('memory.overcommitPercent', 'domain.resources.requests.memory', String(requested));
  }
}

/** Why so many vCPUs can't be spread as a preference asks; undefined where they can. */
export function findUnevenSpread(
  instancetype: InstancetypeSpec,
  preference: PreferenceSpec | undefined,
): string | undefined {
  const { guest } = instancetype.cpu;
  const { cores, sockets, threads } = shapeCpus(guest, preference);
  if (!isSpread(preference) || cores * sockets * threads === guest) return undefined;
  const { across, ratio } = spreadOf(preference);
  return `the instancetype's ${guest} vCPUs can't be spread across ${across} with a ratio of ${ratio}, as the preference asks`;
}

function shapeCpus(guest: number, preference: PreferenceSpec | undefined) {
  const one = { cores: 1, sockets: 1, threads: 1 };
  if (guest === 1) return one;
  const topology = topologyOf(preference);
  if (topology === 'any') return { ...one, sockets: guest };
  if (topology !== 'spread') return { ...one, [topology]: guest };
  const { across, ratio } = spreadOf(preference);
  switch (across) {
    case 'SocketsCores':
      return { ...one, cores: ratio, sockets: Math.floor(guest / ratio) };
    case 'CoresThreads':
      return { ...one, threads: ratio, cores: Math.floor(guest / ratio) };
    case 'SocketsCoresThreads':
      return { threads: THREADS_A_CORE, cores: ratio, sockets: Math.floor(guest / THREADS_A_CORE / ratio) };
  }
}
