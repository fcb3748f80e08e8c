import type { RunStrategy } from '../../shared/model/virtual-machine.ts';
import type { MachineMemory } from './memory.ts';
import { forget } from './memory.ts';

/** Whether a machine should run now, and the reason in a sentence. */
export interface Want {
  readonly run: boolean;
  readonly why: string;
}

/** Where the hub changes the run strategy, what came of earlier runs is past; an order given on the box holds on. */
export function applyRunStrategy(memory: MachineMemory, runStrategy: RunStrategy): MachineMemory {
  if (memory.runStrategy === runStrategy) return memory;
  if (memory.runStrategy === undefined) return { ...memory, runStrategy };
  return { ...forget(forgetOutcome(memory), 'nextStartAtMs'), failures: 0, runStrategy };
}

/** What came of the newest run no longer counts, as if we had stopped it. */
export function forgetOutcome(memory: MachineMemory): MachineMemory {
  const { run } = memory;
  return run?.ended === undefined
    ? memory
    : { ...memory, run: { ...run, ended: { ...run.ended, how: 'stopped' } } };
}

/**
 * KubeVirt's run strategies. A run counts where its guest ran and then ended otherwise than by our stopping it;
 * a start that never came to that is made again under every strategy that asked for it.
 */
export function decideWant(memory: MachineMemory, runStrategy: RunStrategy): Want {
  const { override, run } = memory;
  if (memory.failing !== undefined) return { run: false, why: memory.failing };
  if (memory.restarting === true) return { run: false, why: 'a restart was asked for' };
  if (memory.stopping === true) return { run: false, why: 'a stop was asked for at the hub' };
  const by = override?.by === undefined ? '' : ` by ${override.by}`;
  if (override?.verb === 'stop') return { run: false, why: `stopped on the box${by}: ${override.reason}` };
  const outcome = outcomeOf(memory);
  if (override?.verb === 'start') {
    return { run: runStrategy === 'Halted' || outcome === undefined, why: `started on the box${by}` };
  }
  switch (runStrategy) {
    case 'Always':
      return { run: true, why: 'the run strategy is Always' };
    case 'Halted':
      return { run: false, why: 'the run strategy is Halted' };
    case 'RerunOnFailure':
      return outcome === 'shutdown'
        ? { run: false, why: 'the guest shut down, and the run strategy is RerunOnFailure' }
        : { run: true, why: 'the run strategy is RerunOnFailure' };
    case 'Once':
      return outcome === undefined
        ? { run: true, why: 'the run strategy is Once' }
        : { run: false, why: 'it has run, and the run strategy is Once' };
    case 'Manual':
      return {
        run: run !== undefined && (run.ended === undefined || run.ended.again === true),
        why: 'the run strategy is Manual',
      };
  }
}

/** What came of the newest run, where its guest ran and ended by itself. */
export function outcomeOf({ run }: MachineMemory): 'shutdown' | 'failed' | undefined {
  if (run?.ended === undefined || run.runningSinceMs === undefined || run.ended.how === 'stopped')
    return undefined;
  return run.ended.how;
}
