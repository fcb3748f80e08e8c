import type { LocalClient } from '../../agent/local/client.ts';
import type { Operator } from './operator.ts';

interface HandsOptions {
  readonly door: LocalClient;
  readonly operator: Operator;
  /** What operators edit, what they start and stop, and what is ordered about on the box. */
  readonly steady: readonly string[];
  readonly switched: string;
  readonly victim: string;
  readonly count: (what: string) => void;
}

/** People at work, at the hub and on the box: whatever they are told was done has to have been done. */
export interface Hands {
  edit(fraction: () => number): Promise<void>;
  order(fraction: () => number): Promise<void>;
  /** The reasons of the orders that the box said yes to. */
  readonly ordered: readonly string[];
}

/** KubeVirt's default is 30: each edit is another. */
const FIRST_GRACE_SECONDS = 31;

export function createHands({ door, operator, steady, switched, victim, count }: HandsOptions): Hands {
  const ordered: string[] = [];
  let edits = 0;
  let orders = 0;
  return {
    ordered,
    async edit(fraction) {
      edits += 1;
      const isSwitch = fraction() < 0.2;
      const machine = steady[Math.floor(fraction() * steady.length)] ?? '';
      const granted = isSwitch
        ? await operator.setStrategy(switched, fraction() < 0.5 ? 'Always' : 'Halted')
        : await operator.setGrace(machine, FIRST_GRACE_SECONDS + edits);
      count(granted ? 'edits granted' : 'edits without an answer');
    },
    async order(fraction) {
      orders += 1;
      const reason = `order ${orders}.`;
      try {
        await door.order(fraction() < 0.4 ? 'stop' : 'start', victim, reason);
        ordered.push(reason);
        count('orders granted');
      } catch {
        count('orders without an answer');
      }
    },
  };
}
