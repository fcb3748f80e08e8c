import type { Duplex } from 'node:stream';
import { EffectError } from '../../shared/base/errors.ts';
import { formatTime } from '../../shared/base/time.ts';
import { phaseOf } from '../../shared/model/machine-phase.ts';
import type { MachineIdentity, MachineStatus } from '../../shared/model/machine.ts';
import type { Clock } from '../../shared/ports.ts';
import type { Loop } from '../loop.ts';
import type { MachineMemory } from '../plan/memory.ts';
import type { HubOrder, OrderVerb } from '../plan/order.ts';
import { applyHubOrder, applyOrder, describeOverride } from '../plan/order.ts';
import { identityOf, readWanted } from '../plan/read-wanted.ts';
import type { GuestDetails, GuestUsage } from '../guest.ts';
import type { Happening, MachineRow, Machines, Store } from '../ports.ts';
import type { Images } from '../images-port.ts';
import type { Trash, TrashEntry } from '../trash-port.ts';
import type { Session } from '../sync/session.ts';
import { uploadVolume } from './upload-volume.ts';

/** What can be asked of the agent on the box itself; none of it needs the link. */
export interface LocalDoor {
  status(): LocalStatus;
  /**
   * Gives an order to the machine `name` or `namespace/name`; it holds against the run strategy until the opposite
   * order, or until the hub releases it. `by` is the user who gives it.
   * @throws EffectError `NotFound`, `Ambiguous`, `NotRunning`
   */
  order(verb: OrderVerb, machine: string, reason: string, by?: string): void;
  /**
   * Takes up what the hub asks of a machine, which an order given on the box does not give way to.
   * @throws EffectError as `order`, and `HeldOnBox`
   */
  takeHubOrder(verb: OrderVerb, machine: string, reason: string, order: HubOrder): void;
  /**
   * Fills the data volume `name` or `namespace/name` that waits for it.
   * @throws EffectError as `uploadVolume`
   */
  upload(volume: string, content: AsyncIterable<Buffer>): Promise<void>;
  /** What a guest says of itself. @throws EffectError as `order`, and as `Machines.readGuest` */
  readGuest(machine: string): Promise<GuestDetails & GuestUsage>;
  /** What is kept of removed machines. */
  listTrash(): Promise<TrashEntry[]>;
  /**
   * Gives the disks of an entry of the trash to a machine that does not run, and says which data volumes they are.
   * @throws EffectError as `order`, `Running`, and as `Trash.restore`
   */
  restoreTrash(entry: string, machine: string): Promise<string[]>;
  /**
   * Deletes an entry of the trash for good, or all of them, and says which.
   * @throws EffectError NotFound
   */
  emptyTrash(entry?: string): Promise<string[]>;
  /** @throws EffectError as `order` */
  uidOf(machine: string): string;
  /** @throws EffectError as `order`, and as `Machines.openConsole` */
  openConsole(machine: string): Promise<Duplex>;
}

export interface LocalMachine {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** KubeVirt's phase, or `Stopped` where there is no run. */
  readonly phase: string;
  readonly pid?: number;
  readonly state: string;
  readonly message: string;
  readonly since: string;
  readonly ports: readonly { readonly port: number; readonly protocol: string; readonly host: string }[];
  readonly override?: MachineStatus['override'];
}

export interface LocalStatus {
  readonly device: string;
  readonly version: string;
  /** `problem` is why the link is down. */
  readonly link: { readonly state: 'up' | 'down'; readonly since: string; readonly problem?: string };
  readonly outbox: { readonly pending: number };
  readonly desired: { readonly generation: number };
  readonly machines: readonly LocalMachine[];
}

interface DoorOptions {
  readonly device: string;
  readonly version: string;
  readonly store: Store;
  readonly machines: Machines;
  readonly trash?: Trash;
  readonly images: Images;
  readonly clock: Clock;
  readonly session: Pick<Session, 'link'>;
  readonly happening: () => Happening;
  readonly loop: Pick<Loop, 'wake' | 'hasTicked'>;
}

export function createLocalDoor(options: DoorOptions): LocalDoor {
  const { device, version, store, machines, trash, clock, session, happening, loop } = options;

  function find(machine: string): Found {
    const matches = store.machines().flatMap((row) => {
      const identity = identify(row);
      if (identity === undefined) return [];
      const names = [identity.name, `${identity.namespace}/${identity.name}`, identity.uid];
      return names.includes(machine) ? [{ row, identity }] : [];
    });
    const [match] = matches;
    if (match === undefined)
      throw new EffectError('NotFound', machine, `there is no machine "${machine}" on ${device}`);
    if (matches.length === 1) return match;
    const names = matches.map(({ identity }) => `${identity.namespace}/${identity.name}`).join(', ');
    throw new EffectError(
      'Ambiguous',
      machine,
      `"${machine}" may be any of ${names}: give the namespace too`,
    );
  }

  /** To be called in a transaction: an order and the report of it belong together. */
  function apply(
    { row, identity: { uid, namespace, name, kind } }: Found,
    memory: MachineMemory,
    reason: string,
    message: string,
  ): void {
    store.putMachine({ ...row, memory });
    const machine = { uid, namespace, name, kind };
    store.appendEvent({ kind: 'event', type: 'Normal', reason, message, machine }, happening());
  }

  return {
    status() {
      const { up, sinceMs, problem } = session.link();
      return {
        device,
        version,
        link: {
          state: up ? 'up' : 'down',
          since: formatTime(sinceMs),
          ...(problem === undefined ? {} : { problem }),
        },
        outbox: { pending: store.pendingReports() },
        desired: { generation: store.desired()?.generation ?? 0 },
        machines: store.machines().flatMap((row) => describe(row, loop.hasTicked())),
      };
    },
    order(verb, machine, reason, by) {
      store.transaction(() => {
        const found = find(machine);
        requireFit(machine, verb, found.row);
        const given = { atMs: clock.now(), reason, ...(by === undefined ? {} : { by }) };
        const giver = by === undefined ? '' : ` by ${by}`;
        const memory = applyOrder(found.row.memory, verb, given);
        apply(found, memory, 'LocalOrder', `${verb} was ordered on the box${giver}: ${reason}`);
      });
      loop.wake();
    },
    takeHubOrder(verb, machine, reason, order) {
      store.transaction(() => {
        const found = find(machine);
        const { override } = found.row.memory;
        if (override?.verb === 'stop') {
          const since = describeOverride(override).at;
          const message = `"${machine}" is held by the stop ordered on the box at ${since}: release that first`;
          throw new EffectError('HeldOnBox', machine, message);
        }
        if (verb !== 'start') requireFit(machine, verb === 'stop' ? 'restart' : verb, found.row);
        const memory = applyHubOrder(found.row.memory, verb, order);
        apply(found, memory, 'HubOrder', `${verb} was ordered at the hub: ${reason}`);
      });
      loop.wake();
    },
    listTrash: async () => (await trash?.list()) ?? [],
    async restoreTrash(entry, machine) {
      const { row, identity } = find(machine);
      if (row.memory.reported?.process !== undefined) {
        const message = `"${machine}" runs, and takes disks only while it does not: stop it first`;
        throw new EffectError('Running', machine, message);
      }
      const disks = (await trash?.restore(entry, row.uid)) ?? [];
      const message = `the disks ${disks.join(', ')} were restored from the trash (${entry})`;
      const { uid, namespace, name, kind } = identity;
      store.appendEvent(
        {
          kind: 'event',
          type: 'Normal',
          reason: 'DisksRestored',
          message,
          machine: { uid, namespace, name, kind },
        },
        happening(),
      );
      // It may be what the machine waits for.
      loop.wake();
      return disks;
    },
    async emptyTrash(entry) {
      const ids = entry === undefined ? ((await trash?.list()) ?? []).map(({ id }) => id) : [entry];
      for (const id of ids) await trash?.delete(id);
      return ids;
    },
    async upload(volume, content) {
      await uploadVolume(volume, content, options);
      loop.wake();
    },
    readGuest: async (machine) => machines.readGuest(find(machine).row.uid),
    uidOf: (machine) => find(machine).row.uid,
    openConsole: async (machine) => machines.openConsole(find(machine).row.uid),
  };
}

interface Found {
  readonly row: MachineRow;
  readonly identity: MachineIdentity;
}

/** Whether a machine is in a state that an order makes sense in; start and stop always do. */
function requireFit(machine: string, verb: OrderVerb, { memory: { reported, paused } }: MachineRow): void {
  if (verb === 'start' || verb === 'stop') return;
  const refuse = (code: string, why: string) => {
    throw new EffectError(code, machine, `"${machine}" ${why}`);
  };
  const state = reported?.state ?? 'not looked at yet';
  if (reported?.process === undefined)
    return refuse('NotRunning', `does not run (${state}): start it instead`);
  const isPaused = paused === true || state === 'Paused';
  const isUp = state === 'Running' || state === 'Paused';
  if (verb !== 'restart' && !isUp) refuse('NotRunning', `does not run yet, or no more (${state})`);
  if (verb === 'pause' && paused === true) refuse('AlreadyPaused', 'is already paused');
  if (verb === 'unpause' && !isPaused) refuse('NotPaused', 'is not paused');
  if (verb === 'softreboot' && isPaused) refuse('Paused', 'is paused: unpause it first');
}

function identify({ desired }: MachineRow): MachineIdentity | undefined {
  const wanted = readWanted(desired);
  return wanted === undefined ? undefined : identityOf(wanted);
}

function describe(row: MachineRow, isCurrent: boolean): LocalMachine[] {
  const identity = identify(row);
  if (identity === undefined) return [];
  const { namespace, name, uid } = identity;
  const { reported } = row.memory;
  // What an earlier agent saw may long have changed.
  if (reported === undefined || !isCurrent) {
    const state = reported === undefined ? 'Pending' : 'Unknown';
    const message = 'not looked at yet';
    return [{ namespace, name, uid, phase: state, state, message, since: '', ports: [] }];
  }
  const { state, message, since, process, interfaces, override } = reported;
  const ports = interfaces.flatMap((one) => one.ports ?? []);
  return [
    {
      namespace,
      name,
      uid,
      phase: phaseOf(state) ?? 'Stopped',
      ...(process === undefined ? {} : { pid: process.pid }),
      state,
      message,
      since,
      ports: ports.map(({ port, protocol, hostAddress, hostPort }) => ({
        port,
        protocol,
        host: `${hostAddress}:${hostPort}`,
      })),
      ...(override === undefined ? {} : { override }),
    },
  ];
}
