import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, loadavg, release, totalmem } from 'node:os';
import type { Facts } from '../ports.ts';
import { readQemuVersion } from './qemu-version.ts';

export interface FactsOptions {
  readonly dataDir: string;
  readonly agentVersion: string;
  readonly nodeVersion: string;
  readonly bootId: string;
  readonly qemu?: string;
}

/** The facts of this box. */
export function createFacts(options: FactsOptions): Facts {
  const { dataDir, agentVersion, nodeVersion, bootId, qemu = 'qemu-system-x86_64' } = options;
  return {
    async read() {
      const [disk, qemuVersion, operatingSystem] = await Promise.all([
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
        cpuModel: cpus()[0]?.model.trim() || 'unknown',
        cpuCores: availableParallelism(),
        memoryBytes: totalmem(),
        diskBytes: disk.blocks * disk.bsize,
      };
    },

    async measure() {
      const disk = await statfs(dataDir);
      const [, , loadAverage = 0] = loadavg();
      return {
        // Despite its name: libuv takes `MemAvailable` of /proc/meminfo, as what can be had without swapping.
        memoryAvailableBytes: freemem(),
        diskAvailableBytes: disk.bavail * disk.bsize,
        loadAverage,
      };
    },
  };
}

/** `PRETTY_NAME` of os-release(5), e.g. `Debian GNU/Linux 12 (bookworm)`. */
async function readOperatingSystem(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^PRETTY_NAME=["']?(.*?)["']?$/m.exec(text)?.[1] ?? 'Linux';
}
