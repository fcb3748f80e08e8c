import { chmod, mkdir } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { EffectError, messageOf } from '../../shared/base/errors.ts';
import type { Log } from '../../shared/ports.ts';
import type { StreamTarget } from '../../shared/protocol/streams.ts';
import type { KeptContent } from '../machine/disk.ts';
import type { Happened, KeptMachine, ObservedMachine, StartRequest } from '../ports.ts';
import type { Networks } from '../networks-port.ts';
import type { MachineFigures } from '../figures-port.ts';
import type { ChangeRequest } from '../machine/change.ts';
import type { ChangeContext } from './change-machine.ts';
import { changeMachine } from './change-machine.ts';
import { coalesce } from './coalesce.ts';
import { createConsoleLog } from './console-log.ts';
import { asFailure } from './failure.ts';
import { makeVolume } from './disks.ts';
import { clearStaging } from './folder.ts';
import { openGateUnlessRunning } from './gate.ts';
import { writeKept } from './kept.ts';
import { createGuestAgent } from './guest-agent.ts';
import { shutDown } from './guest-commands.ts';
import type { GuestOrders } from './guest-orders.ts';
import { createGuestOrders, readGuestOf } from './guest-orders.ts';
import { createCredentialGiver } from './give-credentials.ts';
import { createGuestWatch } from './guest-watch.ts';
import type { Scope } from './launch.ts';
import type { Located } from './locate.ts';
import { createLocator } from './locate.ts';
import { growOpenDisk } from './grow-disk.ts';
import { measureProcess } from './measure.ts';
import { sendKill } from './kill.ts';
import { createMachineStreams } from './machine-streams.ts';
import { createMonitor } from './monitor.ts';
import { createNotes } from './notes.ts';
import { observeMachine } from './observe-machine.ts';
import type { LiveProcess } from './process.ts';
import { readRunNumber } from './process.ts';
import { createRecordReader, readRecord } from './record.ts';
import type { Removal } from './remove.ts';
import { removeFolder } from './remove.ts';
import type { StartContext } from './start.ts';
import { startBehindGate } from './start.ts';

/** What a run is kept in: a scope that systemd starts it in, or a group that it enters. */
export interface Confinement {
  readonly scope?: Scope;
  readonly enter?: (pid: number) => Promise<void>;
}

/** One machine on this box. Its changes are made one after another; observing waits for none of them. */
export interface LocalMachine extends GuestOrders {
  /** Never rejects: what fails of it is the `problem` of what it says. */
  observe(): Promise<ObservedMachine>;
  start(
    request: StartRequest,
    context: Omit<StartContext, 'folder'>,
    confinement: Confinement,
  ): Promise<void>;
  makeDisk(
    content: KeptContent,
    context: Pick<StartRequest, 'images'> & Pick<StartContext, 'outside'>,
  ): Promise<void>;
  keep(kept: KeptMachine): Promise<void>;
  change(
    request: ChangeRequest,
    context: Pick<ChangeContext, 'account' | 'outside' | 'ports' | 'networks' | 'limit'>,
  ): Promise<void>;
  /** Has the monitor run a command without arguments. */
  command(name: MonitorCommand): Promise<void>;
  /** Takes the machine's taps away, unless it runs or is being started. */
  disconnect(networks: Networks): Promise<void>;
  /** Has the guest's agent boot it anew. */
  rebootGuest(): Promise<void>;
  growDisk(dataVolume: string, bytes: number): Promise<void>;
  /** Undefined where it does not run, or can't be asked. */
  measure(): Promise<MachineFigures | undefined>;
  kill(): Promise<void>;
  /** As `removeFolder`; refused while the process lives. */
  remove(removal: Removal): Promise<void>;
  openConsole(): Promise<Duplex>;
  /** @param findAddress the guest's own, as far as it is known */
  openStream(target: StreamTarget, findAddress: () => Promise<string | undefined>): Promise<Duplex>;
  close(): void;
}

type MonitorCommand = 'system_powerdown' | 'system_reset' | 'stop' | 'cont' | 'quit';

interface MachineOptions {
  readonly uid: string;
  /** Its real path. */
  readonly folder: string;
  readonly bootId: string;
  readonly clock: StartContext['clock'];
  readonly log: Log;
  readonly onChange: () => void;
  readonly onHappening: (happened: Happened) => void;
}

/** The events that change what `observe` says; QEMU has many more, and newer ones others yet. */
const TELLING_EVENTS: ReadonlySet<string> = new Set([
  'BALLOON_CHANGE',
  'BLOCK_IO_ERROR',
  'GUEST_PANICKED',
  'MEMORY_DEVICE_SIZE_CHANGE',
  'RESET',
  'RESUME',
  'SHUTDOWN',
  'STOP',
  'SUSPEND',
  'VSERPORT_CHANGE',
  'WAKEUP',
  'WATCHDOG',
]);

/** Between two calls of `onChange`: a guest that resets in a loop must not keep the agent busy. */
const CHANGE_SPACING_MS = 200;

export function createMachine(options: MachineOptions): LocalMachine {
  const { uid, folder, bootId, clock } = options;
  const note = createNotes(options.log, { machine: uid });
  let starting = false;
  const findProcess = createLocator({ uid, folder, bootId, note, isStarting: () => starting });
  const changes = coalesce(clock, CHANGE_SPACING_MS, options.onChange);
  const tellChange = () => changes.tell();
  const readSeen = createRecordReader(folder);
  const consoleLog = createConsoleLog(folder, clock);
  const guestAgent = createGuestAgent(folder, clock);
  const giver = createCredentialGiver(guestAgent, clock);
  const guest = createGuestWatch(guestAgent, clock, tellChange);
  const monitor = createMonitor({
    folder,
    clock,
    onEvent: (name, data) => {
      if (name === undefined || TELLING_EVENTS.has(name)) tellChange();
      if (name !== undefined) options.onHappening({ name, data });
    },
  });
  let lastChange: Promise<unknown> = Promise.resolve();

  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    const result = lastChange.then(work, work);
    lastChange = result.catch(() => {});
    return result;
  };

  /** For what is done to a process, which is found also where the record can't be read. */
  const locate = async (): Promise<Located> => findProcess(await readRecord(folder).catch(() => undefined));

  const locateRunning = async (): Promise<{ process: LiveProcess; run: number }> => {
    const { record, process } = await locate();
    if (process === undefined) throw new EffectError('NotRunning', uid, 'the machine has no process');
    return { process, run: record?.run ?? readRunNumber(process) ?? 0 };
  };

  const guestOrders = createGuestOrders({ agent: guestAgent, giver, clock, locateRunning });
  const streams = createMachineStreams({
    folder,
    clock,
    monitor,
    log: consoleLog,
    note,
    locateRun: async () => {
      const { record, process } = await locate();
      if (record !== undefined && process !== undefined) return record;
      throw new EffectError('NotRunning', uid, 'the machine has no process');
    },
  });

  const start = async (
    request: StartRequest,
    context: Omit<StartContext, 'folder'>,
    { scope, enter }: Confinement,
  ) => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const gate = await openGateUnlessRunning({ uid, folder, clock, scope });
    if (gate === undefined) return;
    // A box that can't confine it runs it all the same.
    note('confine it', await enter?.(gate.pid).then(() => undefined, messageOf));
    starting = true;
    try {
      await startBehindGate({ ...context, folder }, request, gate, monitor);
    } finally {
      starting = false;
    }
    gate.ended.then(tellChange, tellChange);
  };

  return {
    observe: async () =>
      observeMachine({ uid, folder, note, readSeen, findProcess, monitor, guest, giver, consoleLog }),

    async start(request, context, confinement) {
      await inTurn(async () => start(request, context, confinement)).catch((error: unknown) => {
        const { namespace, name } = request.machine;
        throw asFailure(error, `${namespace}/${name}`, 'StartFailed');
      });
    },

    async change(request, context) {
      await inTurn(async () => {
        const { record, process } = await locate();
        if (record === undefined || process === undefined)
          throw new EffectError('NotRunning', uid, 'the machine has no process');
        const holdLent = streams.holdLent(record.run);
        await changeMachine(request, { ...context, folder, record, monitor, clock, note, holdLent });
        if (request.change.kind.endsWith('-interface')) guest.cardsChanged();
      });
    },

    async makeDisk(content, { images, outside }) {
      await inTurn(async () => {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        // The machines that use the disk run as other users, and have to get to it.
        await chmod(folder, 0o711);
        await clearStaging(folder);
        await makeVolume(content, { folder, images, outside });
      }).catch((error: unknown) => {
        throw asFailure(error, content.dataVolume, 'DiskFailed');
      });
    },

    async keep(kept) {
      await inTurn(async () => {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        writeKept(folder, kept);
      });
    },

    async command(name) {
      await inTurn(async () => {
        const { run } = await locateRunning();
        await monitor.execute(run, name);
      });
    },

    async disconnect(networks) {
      await inTurn(async () => {
        const { process } = await locate();
        if (process === undefined) await networks.disconnect(uid);
      });
    },

    async rebootGuest() {
      await inTurn(async () => {
        const { run } = await locateRunning();
        await guestAgent.use(run, async (turn) => shutDown(turn, 'reboot'));
      });
    },

    async measure() {
      const { record, process } = await locate();
      const state =
        record === undefined || process === undefined ? undefined : await monitor.read(record.run);
      if (record === undefined || process === undefined || state === undefined) return undefined;
      const { namespace, name, run } = record;
      const isAsked = state.guestAgent && state.runState === 'running';
      const [figures, guest] = await Promise.all([
        measureProcess(record, process.pid, monitor).catch(() => undefined),
        isAsked ? readGuestOf(guestAgent, run).catch(() => undefined) : undefined,
      ]);
      if (figures === undefined) return undefined;
      return { uid, namespace, name, runState: state.runState, ...figures, ...(guest && { guest }) };
    },

    async growDisk(dataVolume, bytes) {
      await inTurn(async () => {
        const { run } = await locateRunning();
        await growOpenDisk(await monitor.connect(run), dataVolume, bytes);
      });
    },

    ...guestOrders,

    async kill() {
      await inTurn(async () => {
        const { process } = await locate();
        if (process !== undefined) await sendKill(process);
      });
    },

    async remove(removal) {
      await inTurn(async () => {
        const { process } = await locate();
        if (process !== undefined)
          throw new EffectError('MachineRunning', uid, 'the machine still has a process');
        streams.close();
        monitor.close();
        await removeFolder(uid, folder, removal);
      });
    },

    openConsole: async () => streams.openConsole(),
    openStream: async (target, findAddress) => streams.open(target, findAddress),

    close() {
      changes.close();
      streams.close();
      monitor.close();
    },
  };
}
