/** The versions of the protocol that one side speaks, from the oldest to the newest. */
export interface ProtocolRange {
  readonly min: number;
  readonly max: number;
}

export const PROTOCOL: ProtocolRange = { min: 1, max: 1 };

/** The newest version that both speak, or undefined where there is none. */
export function chooseVersion(one: ProtocolRange, other: ProtocolRange): number | undefined {
  const newest = Math.min(one.max, other.max);
  return newest >= Math.max(one.min, other.min) ? newest : undefined;
}
