import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { codeOf, messageOf } from '../../shared/base/errors.ts';
import { writeFileDurably } from '../../shared/host/files.ts';
import type { Clock } from '../../shared/ports.ts';
import type { AcceleratorProbe } from '../ports.ts';
import type { BootTrial } from './boot-trial.ts';
import { tryBoot } from './boot-trial.ts';
import { readQemuVersion } from './qemu-version.ts';

export interface AcceleratorProbeOptions {
  readonly dataDir: string;
  readonly requested: 'auto' | 'kvm' | 'tcg';
  readonly bootId: string;
  readonly clock: Clock;
  readonly qemu?: string;
  readonly kvmDevice?: string;
  readonly deadlineMs?: number;
}

type Detected = Awaited<ReturnType<AcceleratorProbe['detect']>>;

/** A trial's outcome, kept for as long as neither the kernel nor QEMU is another. */
const keptTrial = z.object({
  bootId: z.string(),
  qemuVersion: z.string(),
  works: z.boolean(),
  reason: z.string(),
});

/**
 * Finds out by running 64-bit code, since that `/dev/kvm` opens says too little (some clouds' guests have one
 * that never gets a kernel through its boot). The outcome of a trial is kept in `accelerator.json`; what is
 * cheap to see, or may pass, is looked at again in each `detect`. Where `kvm` is asked for and does not work
 * there is no accelerator: a machine meant to be fast is refused rather than run at a tenth of the speed.
 */
export function createAcceleratorProbe(options: AcceleratorProbeOptions): AcceleratorProbe {
  const { requested } = options;
  let underWay: Promise<Detected> | undefined;
  return {
    async detect() {
      if (requested === 'tcg') return { accelerator: 'tcg', reason: 'asked for by configuration' };
      underWay ??= detectKvm(options, requested).finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
  };
}

async function detectKvm(options: AcceleratorProbeOptions, requested: 'auto' | 'kvm'): Promise<Detected> {
  const { qemu = 'qemu-system-x86_64', kvmDevice = '/dev/kvm' } = options;
  const qemuVersion = await readQemuVersion(qemu);
  if (qemuVersion === undefined) return { reason: `QEMU is missing: ${qemu} can't be run` };
  const closed = await describeClosedDevice(kvmDevice);
  const { works, reason } =
    closed === undefined ? await tryKvm(options, qemu, qemuVersion) : { works: false, reason: closed };
  if (works) return { accelerator: 'kvm', reason };
  return requested === 'auto' ? { accelerator: 'tcg', reason } : { reason };
}

/** Why the device can't be opened, or undefined where it can. */
async function describeClosedDevice(path: string): Promise<string | undefined> {
  try {
    const device = await open(path, 'r+');
    await device.close();
    return undefined;
  } catch (error) {
    switch (codeOf(error)) {
      case 'ENOENT':
        return `there is no ${path}: virtualization is off in the firmware, or the kvm module is not loaded`;
      case 'EACCES':
      case 'EPERM':
        return `no permission to open ${path}: the agent's user is not in its group`;
      default:
        return `${path} can't be opened: ${messageOf(error)}`;
    }
  }
}

async function tryKvm(options: AcceleratorProbeOptions, qemu: string, qemuVersion: string) {
  const { bootId, clock, deadlineMs = 5_000 } = options;
  const dataDir = resolve(options.dataDir);
  const keptPath = join(dataDir, 'accelerator.json');
  const kept = readKept(keptPath);
  if (kept?.bootId === bootId && kept.qemuVersion === qemuVersion) return kept;
  const imagePath = join(dataDir, 'accelerator-probe.img');
  // The CPU that machines get under KVM: its features may be all that is wrong.
  const trial = await tryBoot({ qemu, accelerator: 'kvm', cpu: 'host', imagePath, clock, deadlineMs });
  const verdict = { works: trial.outcome === 'ran', reason: describeTrial(trial, deadlineMs) };
  // A QEMU that failed may do so for want of memory or the like, and did so quickly: it is tried again.
  if (trial.outcome !== 'failed') {
    writeFileDurably(keptPath, JSON.stringify({ bootId, qemuVersion, ...verdict }));
  }
  return verdict;
}

function describeTrial(trial: BootTrial, deadlineMs: number): string {
  switch (trial.outcome) {
    case 'ran':
      return '64-bit code runs under KVM';
    case 'deadline':
      return `KVM opens, but 64-bit code did not run within ${deadlineMs / 1000} s`;
    case 'failed':
      return `KVM opens, but 64-bit code did not run: ${trial.detail}`;
  }
}

function readKept(path: string) {
  try {
    return keptTrial.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}
