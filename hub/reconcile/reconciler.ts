import { canonicalJson } from '../../shared/base/canonical-json.ts';
import { messageOf } from '../../shared/base/errors.ts';
import type { Clock, Log, Random } from '../../shared/ports.ts';
import type { MachineKey } from './machine-key.ts';
import { reconcileDevice } from './reconcile-device.ts';
import { reconcileMachine } from './reconcile-machine.ts';
import type { ObjectChange, Store, Tables } from '../ports.ts';

/** How long the loop rests after an item that failed, before it tries that again. */
const RETRY_MS = 1_000;

export interface Reconciler {
  /** Looks at everything once, and from then on at what changes. */
  start(): Promise<void>;
  /** A device's session changed, or it reported of its machines. */
  deviceChanged(name: string): void;
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
  const machines = new Map<string, MachineKey>();
  const devices = new Set<string>();
  let running: Promise<void> | undefined;
  let stopped = false;
  let cancelRetry = () => {};
  let stopListening = () => {};

  function wake(): void {
    if (stopped || running !== undefined) return;
    cancelRetry();
    running = drain().finally(() => {
      running = undefined;
    });
  }

  async function drain(): Promise<void> {
    while (!stopped && machines.size + devices.size > 0) {
      const [machine] = machines.values();
      const [device] = devices;
      const ok =
        machine === undefined ? await attempt(device ?? '', takeDevice) : await attempt(machine, takeMachine);
      if (!ok) {
        cancelRetry = clock.after(RETRY_MS, wake);
        return;
      }
    }
  }

  /** The result is whether it worked; what failed stays marked. */
  async function attempt<T>(item: T, take: (item: T) => Promise<void>): Promise<boolean> {
    try {
      await take(item);
      return true;
    } catch (error) {
      log.error({ item, error: messageOf(error) }, 'reconciling failed and will be tried again');
      return false;
    }
  }

  async function takeMachine(key: MachineKey): Promise<void> {
    const now = { nowMs: clock.now(), uuid: () => random.uuid() };
    machines.delete(key.uid);
    try {
      const device = await store.transaction((tables) => reconcileMachine(tables, key, now));
      if (device !== undefined) devices.add(device);
    } catch (error) {
      machines.set(key.uid, key);
      throw error;
    }
  }

  async function takeDevice(name: string): Promise<void> {
    devices.delete(name);
    try {
      const isNew = await store.transaction((tables) => reconcileDevice(tables, name, clock.now()));
      if (isNew) publishDesired(name);
    } catch (error) {
      devices.add(name);
      throw error;
    }
  }

  function markChange({ key, object, previous }: ObjectChange): void {
    if (key.kind === 'holdfast.dev/Device') {
      const labels = canonicalJson(object.metadata.labels);
      if (labels !== canonicalJson(previous?.metadata.labels)) mark(listUnplaced);
      return;
    }
    const { kind, metadata } = object;
    if (kind !== 'VirtualMachine' && kind !== 'VirtualMachineInstance') return;
    const owner = (metadata.ownerReferences ?? []).find(({ controller }) => controller === true);
    const uid = owner?.uid ?? metadata.uid ?? '';
    const isOwned = owner?.kind === 'VirtualMachine';
    machines.set(uid, {
      kind: isOwned ? 'VirtualMachine' : kind,
      namespace: key.namespace,
      name: key.name,
      uid,
    });
    wake();
  }

  /** Marks the machines that `list` finds. */
  function mark(list: (tables: Tables) => Promise<readonly MachineKey[]>): void {
    store
      .transaction(list)
      .then((keys) => {
        for (const key of keys) machines.set(key.uid, key);
        wake();
      })
      .catch((error: unknown) => log.error({ error: messageOf(error) }, 'marking machines failed'));
  }

  return {
    async start() {
      stopListening = store.onChange(markChange);
      await store.transaction(async (tables) => {
        for (const { name } of await tables.devices.list()) devices.add(name);
      });
      mark(listUnplaced);
      mark((tables) => tables.machines.list());
    },
    deviceChanged(name) {
      devices.add(name);
      mark((tables) => tables.machines.list(name));
    },
    async stop() {
      stopped = true;
      stopListening();
      cancelRetry();
      await running;
    },
  };
}

async function listUnplaced({ objects, machines }: Tables): Promise<MachineKey[]> {
  const placed = new Set((await machines.list()).map(({ uid }) => uid));
  const kinds = ['VirtualMachine', 'VirtualMachineInstance'] as const;
  const lists = await Promise.all(
    kinds.map(async (kind) => {
      const list = await objects.list(`kubevirt.io/${kind}`);
      return list.map(({ metadata }): MachineKey => {
        return { kind, namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid ?? '' };
      });
    }),
  );
  return lists.flat().filter(({ uid }) => !placed.has(uid));
}
