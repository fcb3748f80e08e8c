import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RunRecord } from '../ports.ts';
import type { MachineFigures, Traffic } from '../figures-port.ts';
import type { Monitor } from './monitor.ts';

/** Figures of a running QEMU: from its monitor, and from what the kernel counts of its process and taps. */
export type ProcessFigures = Omit<MachineFigures, 'uid' | 'namespace' | 'name' | 'runState' | 'guest'>;

/** The unit of a process's times (USER_HZ): the same on every Linux that we run on. */
const TICKS_PER_SECOND = 100;
const NS_PER_SECOND = 1e9;
/** How often the balloon's driver is asked for the guest's figures, in seconds, once someone wants to know. */
const BALLOON_POLLING_SECONDS = 10;
const BALLOON_PATH = '/machine/peripheral/balloon';

const summary = z.object({ 'base-memory': z.number(), 'plugged-memory': z.number().optional() });
const balloon = z.object({ actual: z.number() });
const balloonStats = z.object({ stats: z.record(z.string(), z.number()) });
const cpus = z.array(z.object({ 'cpu-index': z.int(), 'thread-id': z.int() }));
const blocks = z.array(
  z.object({
    qdev: z.string().optional(),
    stats: z.object({
      rd_bytes: z.number(),
      wr_bytes: z.number(),
      rd_operations: z.number(),
      wr_operations: z.number(),
      flush_operations: z.number(),
      rd_total_time_ns: z.number(),
      wr_total_time_ns: z.number(),
      flush_total_time_ns: z.number(),
    }),
  }),
);

/** @throws where the monitor does not answer or the process has ended */
export async function measureProcess(
  { run, command }: RunRecord,
  pid: number,
  monitor: Pick<Monitor, 'ask'>,
): Promise<ProcessFigures> {
  const ask = async <T>(form: z.ZodType<T>, question: string, args?: object) =>
    form.parse(await monitor.ask(run, question, args));
  /** What only some machines can be asked. */
  const tryAsk = async <T>(form: z.ZodType<T>, question: string, args?: object) =>
    ask(form, question, args).catch(() => undefined);
  const [memory, balloonNow, vcpus, disks, resident, times, interfaces] = await Promise.all([
    tryAsk(summary, 'query-memory-size-summary'),
    tryAsk(balloon, 'query-balloon'),
    ask(cpus, 'query-cpus-fast'),
    ask(blocks, 'query-blockstats'),
    readResidentBytes(pid),
    readTimes(`/proc/${pid}/stat`),
    measureTaps(command),
  ]);
  const guest = balloonNow === undefined ? undefined : await readGuestMemory(monitor, run);
  return {
    memory: {
      residentBytes: resident,
      ...(memory && { guestBytes: memory['base-memory'] + (memory['plugged-memory'] ?? 0) }),
      ...(balloonNow && { balloonBytes: balloonNow.actual }),
      ...(guest && { guest }),
    },
    cpu: times,
    vcpus: await Promise.all(
      vcpus.map(async (cpu) => ({ id: cpu['cpu-index'], ...(await readThread(pid, cpu['thread-id'])) })),
    ),
    disks: disks.flatMap(describeDisk),
    interfaces,
  };
}

function describeDisk({ qdev, stats }: z.infer<typeof blocks>[number]): ProcessFigures['disks'] {
  // Virtio names the part of the device that the disk hangs on: /machine/peripheral/disk-root/virtio-backend.
  const name = /(?:^|\/)disk-([^/]+)/.exec(qdev ?? '')?.[1];
  if (name === undefined) return [];
  return [
    {
      name,
      readBytes: stats.rd_bytes,
      writtenBytes: stats.wr_bytes,
      reads: stats.rd_operations,
      writes: stats.wr_operations,
      flushes: stats.flush_operations,
      readSeconds: stats.rd_total_time_ns / NS_PER_SECOND,
      writeSeconds: stats.wr_total_time_ns / NS_PER_SECOND,
      flushSeconds: stats.flush_total_time_ns / NS_PER_SECOND,
    },
  ];
}

/** QEMU's names of the balloon's figures; those that the guest does not tell are the largest number there is. */
async function readGuestMemory(
  monitor: Pick<Monitor, 'ask'>,
  run: number,
): Promise<MachineFigures['memory']['guest']> {
  try {
    const at = { path: BALLOON_PATH };
    const polling = { ...at, property: 'guest-stats-polling-interval', value: BALLOON_POLLING_SECONDS };
    await monitor.ask(run, 'qom-set', polling);
    const said = await monitor.ask(run, 'qom-get', { ...at, property: 'guest-stats' });
    const { stats } = balloonStats.parse(said);
    const figure = (key: string, name: string) => {
      const value = stats[name];
      return value === undefined || value < 0 || value > Number.MAX_SAFE_INTEGER ? {} : { [key]: value };
    };
    return {
      ...figure('totalBytes', 'stat-total-memory'),
      ...figure('freeBytes', 'stat-free-memory'),
      ...figure('availableBytes', 'stat-available-memory'),
      ...figure('cachedBytes', 'stat-disk-caches'),
      ...figure('swapInBytes', 'stat-swap-in'),
      ...figure('swapOutBytes', 'stat-swap-out'),
      ...figure('majorFaults', 'stat-major-faults'),
      ...figure('minorFaults', 'stat-minor-faults'),
    };
  } catch {
    return undefined;
  }
}

async function readResidentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** Fields 14 and 15 of a `stat` file in /proc: time in user and in kernel mode. */
async function readTimes(path: string): Promise<MachineFigures['cpu']> {
  // The second field is a name in brackets that may hold blanks.
  const fields = (await readFile(path, 'utf8')).split(') ').at(-1)?.split(' ') ?? [];
  return {
    userSeconds: Number(fields[11]) / TICKS_PER_SECOND,
    systemSeconds: Number(fields[12]) / TICKS_PER_SECOND,
  };
}

/** A thread's time on a CPU, and in the queue for one. */
async function readThread(pid: number, thread: number): Promise<{ seconds: number; waitSeconds: number }> {
  const [ran = 0, waited = 0] = (await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'))
    .trim()
    .split(' ')
    .map(Number);
  return { seconds: ran / NS_PER_SECOND, waitSeconds: waited / NS_PER_SECOND };
}

/** What passed the taps in a command line. The box receives on them what the guest sends. */
async function measureTaps(command: readonly string[]): Promise<MachineFigures['interfaces']> {
  const taps = command.flatMap((word) => {
    const [, card, tap] = /^tap,id=net-([^,]+),.*?ifname=([^,]+)/.exec(word) ?? [];
    return card === undefined || tap === undefined ? [] : [{ card, tap }];
  });
  return Promise.all(
    taps.map(async ({ card, tap }) => ({
      name: card,
      received: await readTraffic(tap, 'tx'),
      transmitted: await readTraffic(tap, 'rx'),
    })),
  );
}

async function readTraffic(tap: string, way: 'rx' | 'tx'): Promise<Traffic> {
  const read = async (figure: string) => {
    const path = join('/sys/class/net', tap, 'statistics', `${way}_${figure}`);
    return Number(await readFile(path, 'utf8').catch(() => '0'));
  };
  const [bytes, packets, errors, dropped] = await Promise.all([
    read('bytes'),
    read('packets'),
    read('errors'),
    read('dropped'),
  ]);
  return { bytes, packets, errors, dropped };
}
