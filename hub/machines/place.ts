import { HOSTNAME_LABEL } from '../../shared/model/device.ts';
import type { Candidate, Demand } from './node-affinity.ts';
import { formatDemand, meetsDemand, nameDemand } from './node-affinity.ts';

export type Placement = { readonly device: string } | { readonly waiting: string };

/** A machine runs where exactly one device meets its demand; otherwise it waits, and this says why. */
export function placeMachine(demand: Demand, devices: readonly Candidate[]): Placement {
  const matches = devices.filter((device) => meetsDemand(demand, device));
  const [match] = matches;
  if (match !== undefined && matches.length === 1) return { device: match.name };
  const advice = matches.length === 0 ? '' : `: narrow it, e.g. with ${HOSTNAME_LABEL}`;
  return {
    // Without the number of all devices, which would change with each that comes.
    waiting: `${matches.length} devices match ${formatDemand(demand)}, and exactly one must${advice}`,
  };
}

/** A machine of a set runs where its set has put it, `chosen`, provided that this meets its demand. */
export function placeMember(
  set: string,
  chosen: string | undefined,
  demand: Demand,
  devices: readonly Candidate[],
): Placement {
  const matches = devices.filter((device) => meetsDemand(demand, device));
  if (matches.some(({ name }) => name === chosen)) return { device: chosen ?? '' };
  const waits = chosen === undefined ? 'has yet to choose a device' : `chose ${chosen}, which does not match`;
  return { waiting: `${set} ${waits}: ${matches.length} devices match its ${nameDemand(demand)}` };
}

/**
 * Why a machine is not where its description, or the devices' labels, now say; undefined where it is. That others
 * match it as well is no matter to a machine that has its place.
 */
export function describeElsewhere(
  demand: Demand,
  device: string,
  devices: readonly Candidate[],
): string | undefined {
  const matches = devices.filter((device) => meetsDemand(demand, device));
  if (matches.some(({ name }) => name === device)) return undefined;
  const [match] = matches;
  const matched = match !== undefined && matches.length === 1 ? match.name : `${matches.length} devices`;
  return `the machine and its disks are on ${device}; its ${nameDemand(demand)} now matches ${matched}; it is not moved`;
}
