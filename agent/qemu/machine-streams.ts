import type { Duplex } from 'node:stream';
import { Readable } from 'node:stream';
import { EffectError, messageOf } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import type { StreamTarget } from '../../shared/protocol/streams.ts';
import type { RunRecord } from '../ports.ts';
import { createConsole } from './console.ts';
import type { ConsoleLog } from './console-log.ts';
import { createDisplay } from './display.ts';
import type { Forward, HoldLent } from './forwards.ts';
import { connectPort } from './guest-port.ts';
import { valuesOf } from './hotplug.ts';
import type { Monitor } from './monitor.ts';
import type { Note } from './notes.ts';
import { oneWay } from './one-way.ts';
import { readLog } from './read-log.ts';
import { ensureForward, removeForward } from './stream-forward.ts';

type PortTarget = Extract<StreamTarget, { kind: 'port' }>;
type LogTarget = Extract<StreamTarget, { kind: 'log' }>;

interface MachineStreamsOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly monitor: Monitor;
  readonly log: ConsoleLog;
  readonly note: Note;
  /** The record of the run that lives; @throws EffectError NotRunning */
  readonly locateRun: () => Promise<RunRecord>;
}

/** What streams of a machine can be opened to. */
export function createMachineStreams(options: MachineStreamsOptions) {
  const { folder, clock, monitor, log, note, locateRun } = options;
  const console = createConsole(folder, clock);
  const display = createDisplay(folder, clock, monitor);
  /** How many streams use a forward that was not declared. */
  const users = new Map<string, number>();
  let lastTurn: Promise<unknown> = Promise.resolve();

  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    const result = lastTurn.then(work, work);
    lastTurn = result.catch(() => {});
    return result;
  };

  const isDeclared = ({ ports }: RunRecord, { protocol, hostPort }: Forward) =>
    ports.some((port) => port.protocol === protocol && port.hostPort === hostPort);

  const keyOf = (run: number, { protocol, hostPort }: Forward) => `${run} ${protocol} ${hostPort}`;

  /** One that an agent left that did not live to take it away is found, and goes with its next user. */
  const take = async (run: RunRecord, netdev: string, target: PortTarget): Promise<Forward> =>
    inTurn(async () => {
      const qmp = await monitor.connect(run.run);
      const forward = await ensureForward(qmp, netdev, target);
      const key = keyOf(run.run, forward);
      users.set(key, (users.get(key) ?? 0) + 1);
      return forward;
    });

  const release = async ({ run }: RunRecord, netdev: string, forward: Forward): Promise<void> =>
    inTurn(async () => {
      const key = keyOf(run, forward);
      const left = (users.get(key) ?? 1) - 1;
      if (left > 0) return void users.set(key, left);
      users.delete(key);
      const now = await locateRun();
      if (now.run === run && !isDeclared(now, forward))
        await removeForward(await monitor.connect(run), netdev, forward);
    });

  /** In a user-mode network a port is met where it is forwarded, on a bridge at the guest's address. */
  const openPort = async (target: PortTarget, findAddress: () => Promise<string | undefined>) => {
    const { port, protocol } = target;
    const run = await locateRun();
    const netdev = valuesOf(run.command, '-netdev')
      .map((words) => /^user,id=([^,]+)/.exec(words)?.[1])
      .find((id) => id !== undefined);
    if (netdev === undefined) {
      const host = await findAddress();
      if (host !== undefined) return connectPort({ protocol, host, port }, clock);
      const why = 'the guest has told no address, and has no network in which ports are forwarded';
      throw new EffectError('PortUnreachable', folder, why);
    }
    const forward = await take(run, netdev, target);
    const letGo = () => {
      release(run, netdev, forward).then(
        () => note('take a forward away', undefined),
        (error: unknown) => note('take a forward away', messageOf(error)),
      );
    };
    try {
      const host = forward.hostAddress === '0.0.0.0' ? '127.0.0.1' : forward.hostAddress;
      const place = { protocol, host, port: forward.hostPort };
      const stream = await connectPort(place, clock);
      stream.once('close', letGo);
      return stream;
    } catch (error) {
      letGo();
      throw error;
    }
  };

  const openLog = (target: LogTarget): Duplex => {
    const ending = new AbortController();
    const read = readLog(log, clock, target, ending.signal);
    const stream = oneWay(Readable.from(read, { objectMode: false }));
    return stream.once('close', () => ending.abort());
  };

  return {
    /** For a change of the forwards of a run. */
    holdLent:
      (run: number): HoldLent =>
      async (work) =>
        inTurn(async () => work((forward) => users.has(keyOf(run, forward)))),
    openConsole: async (): Promise<Duplex> => console.open((await locateRun()).run),
    /** @param findAddress the guest's own, as far as it is known */
    async open(target: StreamTarget, findAddress: () => Promise<string | undefined>): Promise<Duplex> {
      switch (target.kind) {
        case 'console':
          return console.open((await locateRun()).run);
        case 'vnc':
          return display.open((await locateRun()).run, target.preserveSession);
        case 'screenshot':
          return display.picture((await locateRun()).run);
        case 'port':
          return openPort(target, findAddress);
        case 'log': {
          // So that it is known what had been written before this.
          log.look();
          if (log.size() !== undefined) return openLog(target);
          const why = 'its serial console has no log here: it has never run, or logSerialConsole is false';
          throw new EffectError('NoLog', folder, why);
        }
      }
    },
    close() {
      console.close();
      display.close();
    },
  };
}
