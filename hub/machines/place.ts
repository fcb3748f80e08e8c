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
  const matches = devices.filter(({ labels }) =>
    Object.entries(selector).every(([key, value]) => labels[key] === value),
  );
  const [match] = matches;
  if (match !== undefined && matches.length === 1) return { device: match.name };
  const wanted = Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const selection = wanted === '' ? 'an empty nodeSelector' : `nodeSelector ${wanted}`;
  const advice = matches.length === 0 ? '' : `: narrow it, e.g. with ${HOSTNAME_LABEL}`;
  return {
    waiting: `${matches.length} of ${devices.length} devices match ${selection}, and exactly one must${advice}`,
  };
}
