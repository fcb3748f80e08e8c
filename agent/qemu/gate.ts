import { sleep } from '../../shared/base/deadline.ts';
import { codeOf } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import type { Scope } from './launch.ts';
import { composeGate } from './launch.ts';
import { findMachineProcess } from './process.ts';
import type { OpenGate } from './spawn.ts';
import { openGate } from './spawn.ts';

/** How long the lock may be held by a process that is not seen to be the machine's. */
const SETTLE_MS = 5_000;
const RETRY_MS = 50;

interface GateOptions {
  readonly uid: string;
  readonly folder: string;
  readonly clock: Clock;
  readonly scope: Scope | undefined;
}

/**
 * An open gate, or undefined where the machine's process lives. The lock alone says neither: it may be held by one
 * on its way to QEMU, or by one that is killed and still letting go of its memory.
 */
export async function openGateUnlessRunning(options: GateOptions): Promise<OpenGate | undefined> {
  const { uid, folder, clock, scope } = options;
  const startedAtMs = clock.monotonic();
  for (;;) {
    if ((await findMachineProcess(folder, uid)) !== undefined) return undefined;
    try {
      return await openGate(composeGate(scope), folder, clock);
    } catch (error) {
      if (codeOf(error) !== 'MachineLocked' || clock.monotonic() - startedAtMs > SETTLE_MS) throw error;
    }
    await sleep(clock, RETRY_MS);
  }
}
