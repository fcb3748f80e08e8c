import { canonicalJson } from '../../shared/base/canonical-json.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { Clock, Log, Random } from '../../shared/ports.ts';
import type { GarbageOwner, ObjectChange, ObjectKey, Store } from '../ports.ts';
import { givenMacs } from '../machines/mac-address.ts';
import { SET_KINDS, findSet } from '../machines/machine-set.ts';
import { GARBAGE_FINALIZERS } from '../../shared/model/metadata.ts';
import { isDeleting } from '../api/write/metadata.ts';
import { collectGarbage } from './collect-garbage.ts';
import { createFleet } from './fleet.ts';
import type { Listing } from './listings.ts';
import { EVERYTHING, machinesOn, sharersOf, UNPLACED, usersOf } from './listings.ts';
import type { MachineKey } from './machine-key.ts';
import type { Work } from './marks.ts';
import { createMarks } from './marks.ts';
import { reconcileDevice } from './reconcile-device.ts';
import { reconcileMachine } from './reconcile-machine.ts';
import { reconcileVolume } from './reconcile-volume.ts';
import type { SetKey } from './reconcile-set.ts';
import { reconcileSet } from './reconcile-set.ts';

/** How often everything is looked at anew, whatever was marked: a mark that was missed costs no more than this. */
const RELIST_EVERY_MS = 5 * 60_000;
/** From so many devices on, a hub that starts looks at everything only when they have had their time to come back. */
const FEW_DEVICES = 100;
const LIST_LATER_MS = 3;
/** A device that comes may be what machines wait for; of a fleet that comes, not each has all of them looked at. */
const LIST_UNPLACED_AFTER_MS = 500;
/** A set looks at all its machines: what they report one after another is looked at together. */
const LIST_MEMBERS_AFTER_MS = 200;
/** How many items share a transaction. */
const MOST_AT_ONCE = 8;

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
  /** Asks a device for all that it knows. */
  readonly askAll: (device: string) => void;
}

/**
 * The hub's loop: what changed is marked, and marks are worked off a few at a time. An item only
 * reads the store and writes what follows, so doing one twice changes nothing.
 */
export function createReconciler({
  store,
  clock,
  random,
  log,
  publishDesired,
  askAll,
}: ReconcilerOptions): Reconciler {
  const fleet = createFleet();
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
    async take(key, tables) {
      const device =
        key.kind === 'DataVolume'
          ? await reconcileVolume(tables, key, now())
          : await reconcileMachine(tables, key, fleet, now());
      return () => {
        if (device !== undefined) devices.add(device);
      };
    },
  });
  const devices = createMarks<string>({
    ...common,
    keyOf: (name) => name,
    async take(name, tables) {
      const outcome = await reconcileDevice(tables, name, now());
      return () => {
        if (outcome === 'made') publishDesired(name);
        if (outcome === 'asks') askAll(name);
      };
    },
  });
  const sets = createMarks<SetKey>({
    ...common,
    keyOf: ({ uid }) => uid,
    async take(key, tables) {
      const moment = { ...now(), fraction: () => random.fraction() };
      const wakeAtMs = await reconcileSet(tables, key, fleet, moment);
      return () => {
        if (wakeAtMs !== undefined) sets.addIn(Math.max(wakeAtMs - clock.now(), 0), key);
      };
    },
  });
  /** Owners that wait for dependents which others are to remove. */
  const waitingOwners = new Map<string, GarbageOwner>();
  const garbage = createMarks<GarbageOwner>({
    ...common,
    keyOf: ({ uid }) => uid,
    async take(owner, tables) {
      const outcome = await collectGarbage(tables, owner, clock.now());
      return () => {
        if (outcome === 'waiting') waitingOwners.set(owner.uid, owner);
        else waitingOwners.delete(owner.uid);
        if (outcome === 'more') garbage.add(owner);
      };
    },
  });
  const listings = createMarks<Listing>({
    ...common,
    keyOf: ({ name }) => name,
    async take({ list }, tables) {
      const found = await list(tables);
      return () => {
        for (const key of found.machines) machines.add(key);
        for (const name of found.devices) devices.add(name);
        for (const key of found.sets) sets.add(key);
        for (const owner of found.garbage ?? []) garbage.add(owner);
      };
    },
  });
  const sorts = [machines, devices, sets, garbage, listings];

  function wake(): void {
    if (stopped || isDraining) return;
    isDraining = true;
    drained = drain();
  }

  async function drain(): Promise<void> {
    for (let turn = nextTurn(); turn.length > 0; turn = nextTurn()) {
      const these = turn;
      await takeAll(these).catch(() => takeEach(these));
      // The store answers without ever giving way: without this, nobody else would be served until all is done.
      await clock.turn();
    }
    // In one step with finding nothing left: a mark that came between the two would wake nobody.
    isDraining = false;
  }

  /** Several items share a transaction, of which each costs a write to the disk. */
  async function takeAll(turn: readonly Work[]): Promise<void> {
    const committed = await store.transaction(async (tables) => {
      const after: (() => void)[] = [];
      for (const { take } of turn) after.push(await take(tables));
      return after;
    });
    for (const work of turn) work.succeeded();
    for (const act of committed) act();
  }

  /** An item that fails must not take with it those that shared its transaction. */
  async function takeEach(turn: readonly Work[]): Promise<void> {
    for (const work of turn) {
      try {
        await takeAll([work]);
      } catch (error) {
        work.failed(error);
      }
    }
  }

  /** The sorts take turns, so that however much there is of one, the others go on. */
  function nextTurn(): Work[] {
    const work: Work[] = [];
    for (let tries = 0; tries < sorts.length && work.length < MOST_AT_ONCE && !stopped; tries += 1) {
      const next = sorts[turn]?.next();
      turn = (turn + 1) % sorts.length;
      if (next === undefined) continue;
      work.push(next);
      tries = -1;
    }
    return work;
  }

  function markGarbage({ type, key, object }: ObjectChange): void {
    const { uid = '', finalizers, ownerReferences } = object.metadata;
    const isGoing =
      isDeleting(object.metadata) && (finalizers ?? []).some((one) => GARBAGE_FINALIZERS.includes(one));
    // Events own nothing, and many go at once.
    if (isGoing || (type === 'DELETED' && key.kind !== '/Event')) garbage.add({ uid, ...key });
    for (const reference of ownerReferences ?? []) {
      const owner = waitingOwners.get(reference.uid);
      if (owner !== undefined) garbage.addIn(LIST_MEMBERS_AFTER_MS, owner);
    }
  }

  function markChange(change: ObjectChange): void {
    const { resourceVersion, type, key, object, previous } = change;
    markGarbage(change);
    if (key.kind === 'holdfast.dev/Device') {
      fleet.note({ resourceVersion, type, key, object });
      // Its labels decide what is placed there, its spec what holds, and its annotations say what is the case; its
      // status follows from what is looked at here.
      if (type === 'MODIFIED' && previous !== undefined && givenOf(object) === givenOf(previous)) return;
      listings.addIn(LIST_UNPLACED_AFTER_MS, UNPLACED);
      listings.add(machinesOn(key.name));
      devices.add(key.name);
      return;
    }
    if (isNamed(key)) {
      // How far a data volume is says nothing to whoever uses it.
      if (type !== 'MODIFIED' || previous === undefined || saidBy(object) !== saidBy(previous)) {
        listings.add(usersOf(key));
      }
    }
    const { kind, metadata } = object;
    if (kind === 'DataVolume') {
      const { name, namespace } = key;
      machines.add({ kind, namespace, name, uid: metadata.uid ?? '' });
      return;
    }
    const setKind = SET_KINDS.find((known) => known === kind);
    if (setKind !== undefined) {
      sets.add({ kind: setKind, namespace: key.namespace, name: key.name, uid: metadata.uid ?? '' });
      return;
    }
    const set = findSet(metadata);
    if (set !== undefined) sets.addIn(LIST_MEMBERS_AFTER_MS, { ...set, namespace: key.namespace });
    if (kind !== 'VirtualMachine' && kind !== 'VirtualMachineInstance') return;
    const owner = (metadata.ownerReferences ?? []).find(({ controller }) => controller === true);
    const isOwned = owner?.kind === 'VirtualMachine';
    if (!isOwned && (type !== 'MODIFIED' || metadata.generation !== previous?.metadata.generation)) {
      for (const mac of changedMacs(object, type === 'MODIFIED' ? previous : undefined))
        listings.add(sharersOf(mac));
    }
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
      const devices = await store.transaction(async (tables) => {
        await fleet.load(tables);
        return tables.devices.count();
      });
      // A large fleet's devices come back first: looking at all that is theirs would keep them waiting.
      if (devices < FEW_DEVICES) relist();
      else cancelRelist = clock.after(devices * LIST_LATER_MS, relist);
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

const NAMED_KINDS: readonly string[] = [
  '/ConfigMap',
  '/Secret',
  'k8s.cni.cncf.io/NetworkAttachmentDefinition',
  'instancetype.kubevirt.io/VirtualMachineInstancetype',
  'instancetype.kubevirt.io/VirtualMachineClusterInstancetype',
  'instancetype.kubevirt.io/VirtualMachinePreference',
  'instancetype.kubevirt.io/VirtualMachineClusterPreference',
  'apps/ControllerRevision',
  'cdi.kubevirt.io/DataVolume',
];

/** Whether machines name objects of this kind. */
function isNamed({ kind }: ObjectKey): boolean {
  return NAMED_KINDS.includes(kind);
}

/** All of an object that those who name it go by: its content, and where it is. */
function saidBy({ metadata, status, ...content }: ResourceObject): string {
  const { uid, labels, deletionTimestamp } = metadata;
  return canonicalJson([content, uid, labels, deletionTimestamp]);
}

/** The MAC addresses that one of two descriptions of a machine gives, and the other does not. */
function changedMacs(object: ResourceObject, previous: ResourceObject | undefined): ReadonlySet<string> {
  const macsOf = (one: ResourceObject | undefined) =>
    new Set((one === undefined ? [] : givenMacs(one)).map(({ mac }) => mac));
  return macsOf(object).symmetricDifference(macsOf(previous));
}

/** What operators say with a device's object. */
function givenOf({ metadata, spec }: ResourceObject): string {
  return canonicalJson([metadata.labels, metadata.annotations ?? {}, spec]);
}
