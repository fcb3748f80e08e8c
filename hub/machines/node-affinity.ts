import { isMet } from '../../shared/model/label-selector.ts';
import { HOSTNAME_LABEL } from '../../shared/model/device.ts';
import type { InstanceSpec } from '../../shared/model/instance-spec.ts';
import type { NodeSelectorRequirement, NodeSelectorTerm } from '../../shared/model/scheduling.ts';

/** Where a machine may run, as Kubernetes has it: pure. */

/** A device as placing sees it. */
export interface Candidate {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a machine's description asks of its device: all of `nodeSelector`, and one of the required terms. */
export type Demand = Pick<InstanceSpec, 'nodeSelector' | 'affinity'>;

export function meetsDemand(demand: Demand, device: Candidate): boolean {
  const { nodeSelector = {} } = demand;
  const isSelected = Object.entries(nodeSelector).every(
    ([key, value]) => labelOf(device.labels, key) === value,
  );
  return isSelected && (requiredTerms(demand)?.some((term) => matchesTerm(term, device)) ?? true);
}

/** The weights of all preferences that a device meets. */
export function scoreDevice({ affinity }: Demand, device: Candidate): number {
  const preferred = affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return preferred.reduce(
    (sum, { weight, preference }) => sum + (matchesTerm(preference, device) ? weight : 0),
    0,
  );
}

/** The only devices that can meet a demand, where it names them; undefined where any may. */
export function namedDevices(demand: Demand): readonly string[] | undefined {
  const hostname = demand.nodeSelector?.[HOSTNAME_LABEL];
  if (hostname !== undefined) return [hostname];
  const named = requiredTerms(demand)?.map(namesOf);
  return named?.every((names) => names !== undefined) === true ? [...new Set(named.flat())] : undefined;
}

/** What is asked, for people. */
export function formatDemand(demand: Demand): string {
  const pairs = Object.entries(demand.nodeSelector ?? {}).map(([key, value]) => `${key}=${value}`);
  const affinity = requiredTerms(demand) === undefined ? [] : ['the required nodeAffinity'];
  const selector = pairs.length > 0 ? [`nodeSelector ${pairs.join(',')}`] : [];
  const parts = [...selector, ...affinity];
  return parts.length === 0 ? 'an empty nodeSelector' : parts.join(' and ');
}

/** The fields that it is asked by. */
export function nameDemand(demand: Demand): string {
  return requiredTerms(demand) === undefined ? 'nodeSelector' : 'nodeSelector with nodeAffinity';
}

function requiredTerms({ affinity }: Demand): readonly NodeSelectorTerm[] | undefined {
  return affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
}

/** As in Kubernetes, a term that says nothing matches nothing. */
function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, device: Candidate) {
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((one) => isRequirementMet(one, labelOf(device.labels, one.key))) &&
    // The schema takes no other field than the name.
    matchFields.every((one) => isRequirementMet(one, device.name))
  );
}

function isRequirementMet(requirement: NodeSelectorRequirement, value: string | undefined): boolean {
  const { operator, values } = requirement;
  switch (operator) {
    case 'Gt':
    case 'Lt': {
      if (value === undefined || !/^-?\d+$/.test(value)) return false;
      const [limit = ''] = values ?? [];
      return operator === 'Gt' ? BigInt(value) > BigInt(limit) : BigInt(value) < BigInt(limit);
    }
    default:
      return isMet({ operator, values }, value);
  }
}

/** The label is the device's name, always: admission sees to that. */
function namesOf({
  matchExpressions = [],
  matchFields = [],
}: NodeSelectorTerm): readonly string[] | undefined {
  const hostnames = matchExpressions.filter(({ key }) => key === HOSTNAME_LABEL);
  return [...hostnames, ...matchFields].find(({ operator }) => operator === 'In')?.values;
}

function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
