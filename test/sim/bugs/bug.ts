import type { Bugs } from '../ground.ts';

/** A mistake that can be made, to see whether it is noticed. It sits outside of the hub and the agent. */
export interface Bug {
  readonly name: string;
  readonly prose: string;
  /** What it does in one world. */
  readonly create: () => Partial<Bugs>;
}
