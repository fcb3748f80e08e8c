import type { HubAccess } from '../../hub/operator/find-server.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';

const MACHINES = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines';
const DEADLINE_MS = 5_000;
const LABEL = 'storm.example/round';

type Spec = NonNullable<VirtualMachine['spec']>;

type WishValue = string | number;

/** What an operator asked of one field, and what the hub said to it. */
export interface Wish {
  /** The newest that the hub has said yes to: it may not be lost. */
  readonly granted: WishValue | undefined;
  /** All that were asked since, with no answer: any of them may have been stored, or none. */
  readonly unanswered: readonly WishValue[];
}

/** Edits machines through the API of a hub that may be gone at any time; nothing is asked twice. */
export interface Operator {
  /** @returns whether the hub said yes */
  setGrace(machine: string, seconds: number): Promise<boolean>;
  setStrategy(machine: string, runStrategy: string): Promise<boolean>;
  /** Takes effect when the machine is next started, and must not start it. */
  setMemory(machine: string, guest: string): Promise<boolean>;
  setLabel(machine: string, value: string): Promise<boolean>;
  /** How often it was asked to be stopped, with whatever answer. */
  stopsAsked(machine: string): number;
  read(machine: string): Promise<VirtualMachine>;
  /** What is wrong with what the hub has stored of a machine, as sentences. */
  check(machine: VirtualMachine): string[];
}

/** @param access the API as it is now */
export function createOperator(access: () => HubAccess): Operator {
  const wishes = new Map<string, Wish>();
  const stops = new Map<string, number>();

  async function call<T>(machine: string, init: RequestInit = {}): Promise<T> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const { server, token } = access();
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${token}`);
    const response = await fetch(`${server}${MACHINES}/${machine}`, { ...init, headers, signal });
    if (!response.ok) throw new Error(`${machine}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  async function ask(machine: string, field: string, value: WishValue, spec: object): Promise<boolean> {
    const key = `${machine} ${field}`;
    const { granted, unanswered } = wishes.get(key) ?? { granted: undefined, unanswered: [] };
    try {
      await call(machine, {
        method: 'PATCH',
        headers: { 'content-type': 'application/merge-patch+json' },
        body: JSON.stringify({ spec }),
      });
      wishes.set(key, { granted: value, unanswered: [] });
      return true;
    } catch {
      wishes.set(key, { granted, unanswered: [...unanswered, value] });
      return false;
    }
  }

  return {
    setGrace: (machine, seconds) =>
      ask(machine, 'grace', seconds, { template: { spec: { terminationGracePeriodSeconds: seconds } } }),
    setStrategy(machine, runStrategy) {
      if (runStrategy === 'Halted') stops.set(machine, (stops.get(machine) ?? 0) + 1);
      return ask(machine, 'strategy', runStrategy, { runStrategy });
    },
    setMemory: (machine, guest) =>
      ask(machine, 'memory', guest, { template: { spec: { domain: { memory: { guest } } } } }),
    setLabel: (machine, value) =>
      ask(machine, 'label', value, { template: { metadata: { labels: { [LABEL]: value } } } }),
    stopsAsked: (machine) => stops.get(machine) ?? 0,
    read: (machine) => call<VirtualMachine>(machine),
    check({ metadata: { name }, spec }) {
      const stored: Record<string, WishValue | undefined> = {
        grace: graceOf(spec),
        strategy: spec.runStrategy,
        memory: memoryOf(spec),
        label: spec.template.metadata?.labels?.[LABEL],
      };
      return Object.entries(stored).flatMap(([field, value]) => {
        const { granted, unanswered } = wishes.get(`${name} ${field}`) ?? {};
        if (
          granted === undefined ||
          value === granted ||
          (value !== undefined && unanswered?.includes(value) === true)
        )
          return [];
        return [`${name}: the hub granted ${field} ${granted} and has ${String(value)}`];
      });
    },
  };
}

export function graceOf(spec: Spec): number | undefined {
  return spec.template.spec?.terminationGracePeriodSeconds;
}

export function memoryOf(spec: Spec): string | undefined {
  return spec.template.spec?.domain.memory?.guest;
}
