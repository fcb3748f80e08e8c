import type { LiveProcess } from './process.ts';
import { readStartTicks } from './process.ts';
import { runTool } from './tool.ts';

export async function sendKill({ pid, startTicks }: LiveProcess): Promise<void> {
  await runTool('bash', ['-c', 'kill -KILL "$0"', String(pid)]).catch(async (error: unknown) => {
    // It went by itself meanwhile.
    if ((await readStartTicks(pid)) === startTicks) throw error;
  });
}
