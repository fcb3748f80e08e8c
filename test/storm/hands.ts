import type { LocalClient } from '../../agent/local/client.ts';
import type { Operator } from './operator.ts';

interface HandsOptions {
  readonly door: LocalClient;
  readonly operator: Operator;
  /** What operators edit, what they start, stop and change, and what is ordered about on the box. */
  readonly steady: readonly string[];
  readonly busy: readonly string[];
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

/** The part of all edits that the busy machines have at least. */
const LEAST_BUSY = 0.2;
/** KubeVirt's default is 30: each edit is another. */
const FIRST_GRACE_SECONDS = 31;

export function createHands({ door, operator, steady, busy, victim, count }: HandsOptions): Hands {
  const ordered: string[] = [];
  let edits = 0;
  let orders = 0;

  async function meddle(machine: string, fraction: () => number): Promise<boolean> {
    const which = fraction();
    if (which < 0.2) return operator.setMemory(machine, `${64 + (edits % 8) * 8}Mi`);
    if (which < 0.4) return operator.setLabel(machine, String(edits));
    return operator.setStrategy(machine, which < 0.7 ? 'Always' : 'Halted');
  }

  return {
    ordered,
    async edit(fraction) {
      edits += 1;
      const granted =
        fraction() < Math.max(LEAST_BUSY, busy.length / (busy.length + steady.length))
          ? await meddle(pick(busy, fraction), fraction)
          : await operator.setGrace(pick(steady, fraction), FIRST_GRACE_SECONDS + edits);
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

function pick(names: readonly string[], fraction: () => number): string {
  return names[Math.floor(fraction() * names.length)] ?? '';
}
