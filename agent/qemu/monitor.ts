import { join } from 'node:path';
import { z } from 'zod';
import { EffectError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import { GUEST_AGENT_CHARDEV } from '../machine/channel.ts';
import { socketFiles } from '../machine/files.ts';
import type { AddedMemory } from '../machine/change.ts';
import type { RunState } from '../ports.ts';
import type { Qmp } from './qmp.ts';
import { connectQmp } from './qmp.ts';

const DEADLINE_MS = 2_000;
/** A monitor that let a deadline pass is asked again with this one, so that a stuck QEMU does not slow each tick. */
const IMPATIENT_DEADLINE_MS = 250;

const status = z.object({ status: z.string() });
const memoryDevices = z.array(
  z.object({ data: z.object({ size: z.int().optional(), 'requested-size': z.int().optional() }) }),
);
const chardevs = z.array(z.object({ label: z.string(), 'frontend-open': z.boolean() }));

export interface MonitorState {
  readonly runState: RunState;
  /** Whether the guest has its agent's port open. */
  readonly guestAgent: boolean;
  readonly addedMemory?: AddedMemory;
  readonly balloonBytes?: number;
}

/** The connection to a machine's monitor: made when needed, held while it lasts, for one run at a time. */
export interface Monitor {
  /** @throws EffectError QmpTimeout, QmpClosed; the system's error where nothing listens */
  connect(run: number): Promise<Qmp>;
  /** @throws as `connect`, and QmpRefused */
  execute(run: number, command: string, args?: object): Promise<void>;
  /** The answer to a command; @throws as `execute` */
  ask(run: number, command: string, args?: object): Promise<unknown>;
  /** What the monitor says; undefined where it does not answer. */
  read(run: number): Promise<MonitorState | undefined>;
  close(): void;
}

interface MonitorOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** Calls with an event's name and what it says, or with undefined when QEMU hung up. */
  readonly onEvent: (name: string | undefined, data?: unknown) => void;
}

export function createMonitor({ folder, clock, onEvent }: MonitorOptions): Monitor {
  let held: { readonly run: number; readonly qmp: Promise<Qmp> } | undefined;
  let impatient = false;

  const close = () => {
    held?.qmp.then((qmp) => qmp.close()).catch(() => {});
    held = undefined;
  };

  const connect = async (run: number): Promise<Qmp> => {
    if (held?.run === run) return held.qmp;
    close();
    const qmp = connectQmp({
      path: join(folder, socketFiles(run).qmp),
      clock,
      deadlineMs: impatient ? IMPATIENT_DEADLINE_MS : DEADLINE_MS,
      onEvent,
      onLost: () => {
        if (held?.qmp === qmp) held = undefined;
        onEvent(undefined);
      },
    });
    held = { run, qmp };
    qmp.catch(() => {
      if (held?.qmp === qmp) held = undefined;
    });
    return qmp;
  };

  return {
    close,
    connect,
    async execute(run, command, args) {
      const qmp = await connect(run);
      await qmp.execute(command, undefined, args);
    },
    async ask(run, command, args) {
      const qmp = await connect(run);
      return qmp.execute(command, impatient ? IMPATIENT_DEADLINE_MS : DEADLINE_MS, args);
    },
    async read(run) {
      try {
        const qmp = await connect(run);
        const deadlineMs = impatient ? IMPATIENT_DEADLINE_MS : DEADLINE_MS;
        const [newest, ends, devices, left] = await Promise.all([
          qmp.execute('query-status', deadlineMs),
          qmp.execute('query-chardev', deadlineMs),
          // A QEMU that does not say is none the worse for it.
          qmp.execute('query-memory-devices', deadlineMs).catch(() => undefined),
          // Refused where there is no balloon.
          qmp.execute('query-balloon', deadlineMs).catch(() => undefined),
        ]);
        impatient = false;
        const guestAgent = chardevs.parse(ends).find(({ label }) => label === GUEST_AGENT_CHARDEV);
        return {
          runState: status.parse(newest).status,
          guestAgent: guestAgent?.['frontend-open'] ?? false,
          ...readAddedMemory(devices),
          ...readBalloon(left),
        };
      } catch (error) {
        impatient = error instanceof EffectError && error.code === 'QmpTimeout';
        return undefined;
      }
    },
  };
}

function readAddedMemory(said: unknown): Pick<MonitorState, 'addedMemory'> {
  const devices = memoryDevices.safeParse(said);
  if (!devices.success) return {};
  const sum = (values: readonly (number | undefined)[]) =>
    values.reduce<number>((all, one = 0) => all + one, 0);
  return {
    addedMemory: {
      bytes: sum(devices.data.map(({ data }) => data.size)),
      requestedBytes: sum(devices.data.map(({ data }) => data['requested-size'])),
    },
  };
}

const balloon = z.object({ actual: z.int() });

function readBalloon(said: unknown): Pick<MonitorState, 'balloonBytes'> {
  const read = balloon.safeParse(said);
  return read.success ? { balloonBytes: read.data.actual } : {};
}
