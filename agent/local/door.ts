import type { Duplex } from 'node:stream';
import { EffectError } from '../../shared/base/errors.ts';
import { formatTime } from '../../shared/base/time.ts';
import { phaseOf } from '../../shared/model/machine-phase.ts';
import type { MachineIdentity, MachineStatus } from '../../shared/model/machine.ts';
import type { Clock } from '../../shared/ports.ts';
import type { Loop } from '../loop.ts';
import type { Override } from '../plan/memory.ts';
import type { OrderVerb } from '../plan/order.ts';
import { applyOrder, describeOverride } from '../plan/order.ts';
import { identityOf, readWanted } from '../plan/read-wanted.ts';
import type { Happening, MachineRow, Machines, Store, Trash, TrashEntry } from '../ports.ts';
import type { Session } from '../sync/session.ts';

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
   * Restarts a machine because the hub asked for it, which an order given on the box does not give way to.
   * @throws EffectError as `order`, and `HeldOnBox`
   */
  restart(machine: string, reason: string): void;
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
    verb: OrderVerb,
    given: Omit<Override, 'verb'>,
    [reason, message]: readonly [string, string],
  ): void {
    store.putMachine({ ...row, memory: applyOrder(row.memory, verb, given) });
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
        if (verb === 'restart') requireRunning(machine, found.row);
        const given = { atMs: clock.now(), reason, ...(by === undefined ? {} : { by }) };
        const giver = by === undefined ? '' : ` by ${by}`;
        apply(found, verb, given, ['LocalOrder', `${verb} was ordered on the box${giver}: ${reason}`]);
      });
      loop.wake();
    },
    restart(machine, reason) {
      store.transaction(() => {
        const found = find(machine);
        const { override } = found.row.memory;
        if (override?.verb === 'stop') {
          const since = describeOverride(override).at;
          const message = `"${machine}" is held by the stop ordered on the box at ${since}: release that first`;
          throw new EffectError('HeldOnBox', machine, message);
        }
        requireRunning(machine, found.row);
        const event = ['HubOrder', `restart was ordered at the hub: ${reason}`] as const;
        apply(found, 'restart', { atMs: clock.now(), reason }, event);
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
      loop.wake();
      return disks;
    },
    async emptyTrash(entry) {
      const ids = entry === undefined ? ((await trash?.list()) ?? []).map(({ id }) => id) : [entry];
      for (const id of ids) await trash?.delete(id);
      return ids;
    },
    openConsole: async (machine) => machines.openConsole(find(machine).row.uid),
  };
}

interface Found {
  readonly row: MachineRow;
  readonly identity: MachineIdentity;
}

function requireRunning(machine: string, { memory: { reported } }: MachineRow): void {
  if (reported?.process !== undefined) return;
  const state = reported?.state ?? 'not looked at yet';
  const message = `"${machine}" does not run (${state}): start it instead`;
  throw new EffectError('NotRunning', machine, message);
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
