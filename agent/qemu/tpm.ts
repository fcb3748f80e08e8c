import { chown, mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EffectError, codeOf } from '../../shared/base/errors.ts';
import { sleep } from '../../shared/base/deadline.ts';
import { syncPath } from '../../shared/host/files.ts';
import type { Clock } from '../../shared/ports.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import { SCRATCH_TPM_FOLDER, TPM_FOLDER, socketFiles } from '../machine/files.ts';
import { hadKeptTpm, tpmFolder } from '../machine/tpm.ts';
import type { RunRecord } from '../ports.ts';
import type { Account } from './launch.ts';
import { runTool } from './tool.ts';

const PROGRAM = 'swtpm';
const END_DEADLINE_MS = 5_000;
const RETRY_MS = 20;

/**
 * Makes what a machine's TPM needs, and returns the command that plays it: swtpm, which goes to the background once
 * it listens, and ends when QEMU does. To be called under the machine's lock: one that still plays the TPM of a run
 * that never came to its QEMU is ended here, as it would keep the state locked.
 * @throws EffectError TpmMissing where a TPM that was to be kept is gone
 */
export async function prepareTpm(
  folder: string,
  { devices }: CompiledMachine,
  run: number,
  account: Account | undefined,
  before: RunRecord | undefined,
  clock: Clock,
): Promise<readonly string[] | undefined> {
  await endTpm(folder, clock);
  await rm(join(folder, SCRATCH_TPM_FOLDER), { recursive: true, force: true });
  const { tpm } = devices;
  if (tpm === undefined) return undefined;
  const state = join(folder, tpmFolder(tpm));
  const wasKept = before !== undefined && hadKeptTpm(before.command);
  await mkdir(state, { mode: 0o700 }).then(
    async () => {
      if (!tpm.persistent || !wasKept) return syncPath(folder);
      // Not left behind empty: the next start would take it for the TPM.
      await rm(state, { recursive: true });
      const message = `the TPM's state was there at the last start and is gone: put ${state} back`;
      throw new EffectError('TpmMissing', state, message);
    },
    (error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    },
  );
  if (account !== undefined) {
    for (const path of [state, ...(await readdir(state)).map((name) => join(state, name))])
      await chown(path, account.uid, account.gid);
  }
  return composeTpm(state, socketFiles(run).tpm);
}

/** `state` is a whole path: in the background swtpm has another working directory. */
export function composeTpm(state: string, socket: string): string[] {
  return [
    PROGRAM,
    'socket',
    '--tpm2',
    '--tpmstate',
    `dir=${state},mode=0600`,
    '--ctrl',
    `type=unixio,path=${socket},mode=0600`,
    '--terminate',
    '--daemon',
  ];
}

/** Ends what plays the machine's TPM; nothing where nothing does. */
export async function endTpm(folder: string, clock: Clock): Promise<void> {
  const startedAtMs = clock.monotonic();
  for (;;) {
    const pids = await findTpms(folder);
    if (pids.length === 0) return;
    if (clock.monotonic() - startedAtMs > END_DEADLINE_MS)
      throw new EffectError(
        'TpmBusy',
        folder,
        `the process ${pids.join(', ')}, which plays the TPM, does not end`,
      );
    // One that has ended by itself meanwhile is what was wanted.
    await runTool('bash', ['-c', 'kill -KILL "$@"', 'kill', ...pids.map(String)]).catch(() => {});
    await sleep(clock, RETRY_MS);
  }
}

async function findTpms(folder: string): Promise<number[]> {
  const states = [TPM_FOLDER, SCRATCH_TPM_FOLDER].map((name) => `dir=${join(folder, name)},`);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [program, ...words] = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split(
        '\0',
      );
      return program === PROGRAM && words.some((word) => states.some((state) => word.startsWith(state)));
    }),
  );
  return pids.filter((_, index) => found[index]);
}
