import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, loadavg, release } from 'node:os';
import type { Clock } from '../../shared/ports.ts';
import type { Facts } from '../ports.ts';
import { readQemuVersion } from './qemu-version.ts';

export interface FactsOptions {
  readonly dataDir: string;
  readonly agentVersion: string;
  readonly nodeVersion: string;
  readonly bootId: string;
  readonly clock: Clock;
  readonly qemu?: string;
}

/** For lscpu and dmidecode, which systeminformation runs without a deadline of its own. */
const CPU_DEADLINE_MS = 10_000;

/**
 * The facts of this box. systeminformation is loaded at the first read. Its `osInfo` is not used: that blocks
 * the whole process on `hostname -f`, which with no name server to be reached is for many seconds.
 */
export function createFacts(options: FactsOptions): Facts {
  const { dataDir, agentVersion, nodeVersion, bootId, clock, qemu = 'qemu-system-x86_64' } = options;
  let cpuModel: string | undefined;
  return {
    async read() {
      const { cpu, mem } = await import('systeminformation');
      cpuModel ??= await before(clock, CPU_DEADLINE_MS, cpu().then(describeCpu));
      const [memory, disk, qemuVersion, operatingSystem] = await Promise.all([
        mem(),
        statfs(dataDir),
        readQemuVersion(qemu),
        readOperatingSystem(),
      ]);
      return {
        agentVersion,
        nodeVersion,
        ...(qemuVersion === undefined ? {} : { qemuVersion }),
        operatingSystem,
        kernel: release(),
        bootId,
        cpuModel: cpuModel ?? 'unknown',
        cpuCores: availableParallelism(),
        memoryBytes: memory.total,
        diskBytes: disk.blocks * disk.bsize,
      };
    },

    async measure() {
      const { mem } = await import('systeminformation');
      const [memory, disk] = await Promise.all([mem(), statfs(dataDir)]);
      const [, , loadAverage = 0] = loadavg();
      return {
        memoryAvailableBytes: memory.available,
        diskAvailableBytes: disk.bavail * disk.bsize,
        loadAverage,
      };
    },
  };
}

function describeCpu({ manufacturer, brand }: { manufacturer: string; brand: string }): string | undefined {
  const model = `${manufacturer} ${brand}`.trim();
  return model === '' ? undefined : model;
}

/** Undefined where the deadline comes first. */
async function before<T>(clock: Clock, deadlineMs: number, work: Promise<T>): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const stop = clock.after(deadlineMs, () => resolve(undefined));
  try {
    return await Promise.race([work, promise]);
  } finally {
    stop();
  }
}

/** `PRETTY_NAME` of os-release(5), e.g. `Debian GNU/Linux 12 (bookworm)`. */
async function readOperatingSystem(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^PRETTY_NAME=["']?(.*?)["']?$/m.exec(text)?.[1] ?? 'Linux';
}
