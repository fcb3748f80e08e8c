import type { CompiledMachine } from './machine/compile.ts';
import type { CompiledInterface } from './machine/interface.ts';

/** A device of the box's kernel through which one card of a guest is connected to a bridge. */
export interface Tap {
  readonly device: string;
  /** What the guest is told, where packets are not of the usual 1500 bytes. */
  readonly mtu?: number;
}

/** Whose cards are connected. */
export type ConnectedMachine = Pick<CompiledMachine, 'uid' | 'namespace' | 'name'>;

/** The bridges of this box, and what connects guests to them. Cards in user-mode networks need none of it. */
export interface Networks {
  /**
   * Makes a tap for each card that is on a bridge, in place of one that was left there. What it makes outlives the
   * agent.
   * @param user who may open the taps
   * @throws EffectError NetworkRefused with a sentence that names the way out
   */
  connect(
    machine: ConnectedMachine,
    cards: readonly CompiledInterface[],
    user: number,
  ): Promise<ReadonlyMap<string, Tap>>;
  /** The machines that have taps, by uid. */
  connected(): Promise<readonly string[]>;
  /** Takes away the taps of a machine, or those of some of its cards. None of them may be in use. */
  disconnect(uid: string, cards?: readonly string[]): Promise<void>;
  /** The same for a machine that is gone, with the addresses that were kept for it. */
  forget(uid: string): Promise<void>;
  /** Sees to it that what running machines need still runs. */
  attend(): Promise<void>;
  /** The guests' addresses that the box itself knows, by MAC. */
  addresses(): Promise<ReadonlyMap<string, string>>;
}
