import type { SimMachine, SimProcess } from './box-disk.ts';

/** What is seen of a simulated world by those who check it: durable facts, in the order in which they became so. */

/** A desired document as the hub made it, or as a device's store holds it. */
export interface SeenDocument {
  readonly device: string;
  readonly generation: number;
  readonly hash: string;
  readonly text: string;
}

/** An event as a text, which is the same where a device stores it and where the hub's timeline has it. */
export function describeEvent(event: {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly uid: string | undefined;
  /** By the device's clock. */
  readonly atMs: number | undefined;
}): string {
  return JSON.stringify([event.atMs, event.type, event.reason, event.uid, event.message]);
}

/** An event that the hub has, by its place in its device's reports. */
export interface TakenEvent {
  readonly device: string;
  readonly epoch: string;
  readonly sequence: number;
  readonly event: string;
}

/** What one store of a device's agent is known by: another one is made where it is lost. */
export interface SeenStore {
  readonly device: string;
  readonly number: number;
}

export interface SeenObject {
  readonly uid: string;
  readonly kind: string;
  readonly name: string;
  readonly generation: number;
  readonly deleting: boolean;
}

export interface Witness {
  made(document: SeenDocument): void;
  held(store: SeenStore, document: SeenDocument): void;
  eventStored(store: SeenStore, event: string): void;
  eventTaken(taken: TakenEvent): void;
  objectStored(object: SeenObject): void;
  /** An operator asked for the deletion of what has that name. */
  deletionAsked(name: string): void;
  ordered(device: string, uid: string, verb: string): void;
  starting(device: string, uid: string, live: boolean): void;
  ending(device: string, uid: string, how: string, process: SimProcess): void;
  removing(device: string, uid: string, machine: SimMachine): void;
  madeDisk(device: string, uid: string, dataVolume: string): void;
  storeLost(store: SeenStore): void;
  /** The hub's database is as it was when its backup was made; undefined where it was lost. */
  hubSetBack(backup: number | undefined): void;
  hubBackedUp(backup: number): void;
  /** A message that one side gave to the other. */
  carried(device: string, channel: string, payload: Uint8Array): void;
}

/** Tells each of them. */
export function joinWitnesses(witnesses: readonly Partial<Witness>[]): Witness {
  return new Proxy({} as Witness, {
    get:
      (_, name) =>
      (...given: never[]) => {
        for (const witness of witnesses) {
          const hear = witness[name as keyof Witness] as ((...heard: never[]) => void) | undefined;
          hear?.(...given);
        }
      },
  });
}

/** Facts of a transaction that is not over: told when it is durable, forgotten when it is undone. */
export interface PendingFacts {
  add(tell: () => void): void;
  /** Begins a part of the transaction; the result forgets what was added since. */
  begun(): () => void;
  committed(): void;
  undone(): void;
}

export function createPendingFacts(): PendingFacts {
  let pending: (() => void)[] = [];
  return {
    add(tell) {
      pending.push(tell);
    },
    begun() {
      const before = pending.length;
      return () => pending.splice(before);
    },
    committed() {
      const told = pending;
      pending = [];
      for (const tell of told) tell();
    },
    undone() {
      pending = [];
    },
  };
}
