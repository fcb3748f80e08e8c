/** A device that a set's machines may be put on. */
export interface SpreadCandidate {
  readonly name: string;
  readonly isConnected: boolean;
  /** How many of the set's machines it has. */
  readonly members: number;
  /** How much it is preferred to others. */
  readonly score: number;
}

/**
 * A device for each of `count` machines: always one that has the fewest of the set; of those, one that can be heard
 * before one that can't, then the most preferred, and then by name. None where there are no devices.
 */
export function spreadMachines(candidates: readonly SpreadCandidate[], count: number): string[] {
  const loads = candidates.map((candidate) => ({ ...candidate }));
  const chosen: string[] = [];
  while (loads.length > 0 && chosen.length < count) {
    const next = loads.reduce((best, load) => (isBefore(load, best) ? load : best));
    next.members += 1;
    chosen.push(next.name);
  }
  return chosen;
}

function isBefore(a: SpreadCandidate, b: SpreadCandidate): boolean {
  if (a.members !== b.members) return a.members < b.members;
  if (a.isConnected !== b.isConnected) return a.isConnected;
  if (a.score !== b.score) return a.score > b.score;
  return a.name < b.name;
}
