import type { Clock } from '../../../shared/ports.ts';
import { tooManyRequests } from '../errors.ts';

/**
 * Shares the hub out between those who ask it, after Kubernetes' API Priority and Fairness: who asks a lot waits for
 * itself, and an operator's one request comes next whatever a runaway client has waiting.
 */
export interface FlowControl {
  /**
   * Waits until a request may be served; the result has to be called when it has been.
   * @param flow who asks: requests of one flow are served in their order, flows by turns
   * @throws ApiError 429 where too many of the flow wait already, or it waited for too long
   */
  enter(flow: string): Promise<() => void>;
  figures(): { readonly executing: number; readonly waiting: number };
}

/** How many requests are served at a time; the store takes one transaction at a time, so that more gain nothing. */
const SEATS = 24;
/** What one flow may have of them while others wait for none. The rest is there at once for whoever comes. */
const SEATS_OF_A_FLOW = 12;
const MOST_WAITING_OF_A_FLOW = 200;
const MOST_WAITING = 5_000;
const WAIT_MS = 30_000;

interface Waiting {
  readonly begin: () => void;
}

interface Flow {
  executing: number;
  readonly waiting: Waiting[];
}

export function createFlowControl(clock: Clock): FlowControl {
  /** In the order in which their turns come; without those that have nothing here. */
  const flows = new Map<string, Flow>();
  let executing = 0;
  let waiting = 0;

  function leave(name: string, flow: Flow): () => void {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      executing -= 1;
      flow.executing -= 1;
      if (flow.executing === 0 && flow.waiting.length === 0) flows.delete(name);
      admitNext();
    };
  }

  function take(flow: Flow): void {
    executing += 1;
    flow.executing += 1;
  }

  function admitNext(): void {
    for (const [name, flow] of flows) {
      if (executing >= SEATS) return;
      const next = flow.executing < SEATS_OF_A_FLOW ? flow.waiting.shift() : undefined;
      if (next === undefined) continue;
      waiting -= 1;
      take(flow);
      // Its next turn comes after everyone else's.
      flows.delete(name);
      flows.set(name, flow);
      next.begin();
      return admitNext();
    }
  }

  return {
    async enter(name) {
      const flow = flows.get(name) ?? { executing: 0, waiting: [] };
      flows.set(name, flow);
      if (executing < SEATS && flow.executing < SEATS_OF_A_FLOW && flow.waiting.length === 0) {
        take(flow);
        return leave(name, flow);
      }
      if (flow.waiting.length >= MOST_WAITING_OF_A_FLOW || waiting >= MOST_WAITING) throw tooManyRequests();
      waiting += 1;
      await new Promise<void>((resolve, reject) => {
        const entry: Waiting = {
          begin() {
            cancel();
            resolve();
          },
        };
        const cancel = clock.after(WAIT_MS, () => {
          flow.waiting.splice(flow.waiting.indexOf(entry), 1);
          waiting -= 1;
          reject(tooManyRequests());
        });
        flow.waiting.push(entry);
      });
      return leave(name, flow);
    },
    figures: () => ({ executing, waiting }),
  };
}
