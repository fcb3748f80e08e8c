import { HOSTNAME_LABEL } from '../../shared/model/device.ts';

/** A device as placing sees it. */
export interface Candidate {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export type Placement = { readonly device: string } | { readonly waiting: string };

/** A machine runs where exactly one device matches its `nodeSelector`; otherwise it waits, and this says why. */
export function placeMachine(
  selector: Readonly<Record<string, string>>,
  devices: readonly Candidate[],
): Placement {
  const matches = devices.filter(({ labels }) => matchesSelector(selector, labels));
  const [match] = matches;
  if (match !== undefined && matches.length === 1) return { device: match.name };
  const wanted = Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const selection = wanted === '' ? 'an empty nodeSelector' : `nodeSelector ${wanted}`;
  const advice = matches.length === 0 ? '' : `: narrow it, e.g. with ${HOSTNAME_LABEL}`;
  return {
    // Without the number of all devices, which would change with each that comes.
    waiting: `${matches.length} devices match ${selection}, and exactly one must${advice}`,
  };
}

/** A machine of a set runs where its set has put it, `chosen`, provided that this matches its `nodeSelector`. */
export function placeMember(
  set: string,
  chosen: string | undefined,
  selector: Readonly<Record<string, string>>,
  devices: readonly Candidate[],
): Placement {
  const matches = devices.filter(({ labels }) => matchesSelector(selector, labels));
  if (matches.some(({ name }) => name === chosen)) return { device: chosen ?? '' };
  const waits = chosen === undefined ? 'has yet to choose a device' : `chose ${chosen}, which does not match`;
  return { waiting: `${set} ${waits}: ${matches.length} devices match its nodeSelector` };
}

/**
 * Why a machine is not where its `nodeSelector`, or the devices' labels, now say; undefined where it is. That others
 * match it as well is no matter to a machine that has its place.
 */
export function describeElsewhere(
  selector: Readonly<Record<string, string>>,
  device: string,
  devices: readonly Candidate[],
): string | undefined {
  const matches = devices.filter(({ labels }) => matchesSelector(selector, labels));
  if (matches.some(({ name }) => name === device)) return undefined;
  const [match] = matches;
  const matched = match !== undefined && matches.length === 1 ? match.name : `${matches.length} devices`;
  return `the machine and its disks are on ${device}; its nodeSelector now matches ${matched}; it is not moved`;
}

export function matchesSelector(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}
