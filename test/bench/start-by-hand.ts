import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { socketFiles } from '../../agent/machine/files.ts';
import type { RunRecord } from '../../agent/ports.ts';
import type { Account } from '../../agent/qemu/launch.ts';
import { accountCommand } from '../../agent/qemu/launch.ts';
import { connectQmp } from '../../agent/qemu/qmp.ts';
import { TOOL_ENVIRONMENT } from '../../agent/qemu/tool.ts';
import { createClock } from '../../shared/host/clock.ts';

const POLL_MS = 2;
const LIMIT_MS = 20_000;
const QMP_DEADLINE_MS = 2_000;

const runState = z.object({ status: z.string() });

/** Whom a process runs as, where that is somebody else than us. */
export function accountOf(pid: number): Account | undefined {
  const { uid, gid } = statSync(`/proc/${pid}`);
  return uid === process.getuid?.() ? undefined : { uid, gid, groups: [] };
}

/**
 * Starts the QEMU of a record as an operator would who had its command line: same arguments, folder, user and
 * environment, and nothing around it.
 * @returns milliseconds from spawning it until its monitor says that the guest runs; QEMU has ended by then
 */
export async function startByHand(
  folder: string,
  { command, run }: RunRecord,
  account: Account | undefined,
): Promise<number> {
  const prefix = account === undefined ? [] : accountCommand(account);
  const [file = '', ...args] = [...prefix, 'qemu-system-x86_64', ...command];
  const startedAtMs = performance.now();
  const child = spawn(file, args, {
    cwd: folder,
    env: TOOL_ENVIRONMENT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'close');
  try {
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
    while (!hasEnded() && performance.now() - startedAtMs < LIMIT_MS) {
      if (await isRunning(join(folder, socketFiles(run).qmp))) return performance.now() - startedAtMs;
      await sleep(POLL_MS);
    }
    throw new Error(`QEMU by hand does not run: ${said.trim()}`);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

async function isRunning(path: string): Promise<boolean> {
  const options = { path, clock: createClock(), deadlineMs: QMP_DEADLINE_MS, onEvent() {}, onLost() {} };
  const qmp = await connectQmp(options).catch(() => undefined);
  if (qmp === undefined) return false;
  try {
    return runState.parse(await qmp.execute('query-status')).status === 'running';
  } finally {
    qmp.close();
  }
}
