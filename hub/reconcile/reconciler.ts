import { canonicalJson } from '../../shared/base/canonical-json.ts';
import type { Clock, Log, Random } from '../../shared/ports.ts';
import type { ObjectChange, Store } from '../ports.ts';
import type { Listing } from './listings.ts';
import { EVERYTHING, machinesOn, UNPLACED } from './listings.ts';
import type { MachineKey } from './machine-key.ts';
import { createMarks } from './marks.ts';
import { reconcileDevice } from './reconcile-device.ts';
import { reconcileMachine } from './reconcile-machine.ts';

/** How often everything is looked at anew, whatever was marked: a mark that was missed costs no more than this. */
const RELIST_EVERY_MS = 5 * 60_000;

export interface Reconciler {
  /** Looks at everything once, from then on at what changes, and now and then at everything again. */
  start(): Promise<void>;
  /** What is known of a device changed. */
  deviceChanged(name: string): void;
  /** A device reported of its machines. */
  machinesChanged(name: string): void;
  stop(): Promise<void>;
}

interface ReconcilerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly publishDesired: (device: string) => void;
}

/**
 * The hub's loop: what changed is marked, and each mark is worked off in a transaction of its own. An item only
 * reads the store and writes what follows, so doing one twice changes nothing.
 */
export function createReconciler({
  store,
  clock,
  random,
  log,
  publishDesired,
}: ReconcilerOptions): Reconciler {
  let isDraining = false;
  let drained = Promise.resolve();
  let stopped = false;
  let turn = 0;
  let cancelRelist = () => {};
  let stopListening = () => {};

  const now = () => ({ nowMs: clock.now(), uuid: () => random.uuid() });
  const common = { clock, log, due: wake };
  const machines = createMarks<MachineKey>({
    ...common,
    keyOf: ({ uid }) => uid,
    async take(key) {
      const device = await store.transaction((tables) => reconcileMachine(tables, key, now()));
      if (device !== undefined) devices.add(device);
    },
  });
  const devices = createMarks<string>({
    ...common,
    keyOf: (name) => name,
    async take(name) {
      const isNew = await store.transaction((tables) => reconcileDevice(tables, name, now()));
      if (isNew) publishDesired(name);
    },
  });
  const listings = createMarks<Listing>({
    ...common,
    keyOf: ({ name }) => name,
    async take({ list }) {
      const found = await store.transaction(list);
      for (const key of found.machines) machines.add(key);
      for (const name of found.devices) devices.add(name);
    },
  });
  const sorts = [machines, devices, listings];

  function wake(): void {
    if (stopped || isDraining) return;
    isDraining = true;
    drained = drain();
  }

  async function drain(): Promise<void> {
    for (let work = next(); work !== undefined; work = next()) {
      await work();
      // The store answers without ever giving way: without this, nobody else would be served until all is done.
      await clock.turn();
    }
    // In one step with finding nothing left: a mark that came between the two would wake nobody.
    isDraining = false;
  }

  /** The sorts take turns, so that however much there is of one, the others go on. */
  function next(): (() => Promise<void>) | undefined {
    if (stopped) return undefined;
    for (let tries = 0; tries < sorts.length; tries += 1) {
      const work = sorts[turn]?.next();
      turn = (turn + 1) % sorts.length;
      if (work !== undefined) return work;
    }
    return undefined;
  }

  function markChange({ type, key, object, previous }: ObjectChange): void {
    if (key.kind === 'holdfast.dev/Device') {
      const labels = canonicalJson(object.metadata.labels);
      if (type === 'MODIFIED' && labels === canonicalJson(previous?.metadata.labels)) return;
      listings.add(UNPLACED);
      listings.add(machinesOn(key.name));
      devices.add(key.name);
      return;
    }
    const { kind, metadata } = object;
    if (kind !== 'VirtualMachine' && kind !== 'VirtualMachineInstance') return;
    const owner = (metadata.ownerReferences ?? []).find(({ controller }) => controller === true);
    const isOwned = owner?.kind === 'VirtualMachine';
    machines.add({
      kind: isOwned ? 'VirtualMachine' : kind,
      namespace: key.namespace,
      name: key.name,
      uid: (isOwned ? owner.uid : metadata.uid) ?? '',
    });
  }

  function relist(): void {
    listings.add(EVERYTHING);
    cancelRelist = clock.after(RELIST_EVERY_MS, relist);
  }

  return {
    async start() {
      stopListening = store.onChange(markChange);
      relist();
    },
    deviceChanged(name) {
      devices.add(name);
      listings.add(machinesOn(name));
    },
    machinesChanged: (name) => listings.add(machinesOn(name)),
    async stop() {
      stopped = true;
      stopListening();
      cancelRelist();
      await drained;
      for (const sort of sorts) sort.clear();
    },
  };
}
