import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncPath } from '../../shared/host/files.ts';
import { machineIdentity } from '../../shared/model/machine.ts';
import { SOCKET_FOLDER } from '../machine/files.ts';
import { PASSING_FILE } from './folder.ts';
import { readKept } from './kept.ts';
import { composeLocked } from './launch.ts';
import { readRecord } from './record.ts';
import { runTool } from './tool.ts';
import { trashName } from './trash.ts';

/** Where a machine's folder goes, all on one file system: a rename moves it as a whole, whatever cuts that off. */
export interface Removal {
  /** Beside the folder: what a deletion that was cut off leaves no longer looks like a machine. */
  readonly leaving: string;
  /** The trash, where there is one. */
  readonly trash?: string;
  readonly nowMs: number;
}

/**
 * Takes a machine's folder away while no QEMU of it lives: to the trash, or for good where there is none.
 * @throws EffectError MachineLocked, ToolFailed
 */
export async function removeFolder(uid: string, folder: string, removal: Removal): Promise<void> {
  const { leaving, trash, nowMs } = removal;
  const move = async (target: string) => {
    const { file, args } = composeLocked(['mv', '--no-target-directory', '--', folder, target]);
    await runTool(file, args, folder);
  };
  if (trash === undefined) {
    await rm(leaving, { recursive: true, force: true });
    await move(leaving);
    await rm(leaving, { recursive: true, force: true });
    return;
  }
  const { namespace, name } = await readNames(uid, folder);
  await mkdir(trash, { recursive: true, mode: 0o700 });
  const target = join(trash, trashName(namespace, name, uid, nowMs));
  await move(target);
  await syncPath(trash);
  // Seeds may hold passwords; what else is made anew at each start only takes space.
  for (const file of await readdir(target)) {
    if (PASSING_FILE.test(file) || file === SOCKET_FOLDER)
      await rm(join(target, file), { recursive: true, force: true });
  }
}

async function readNames(uid: string, folder: string): Promise<{ namespace: string; name: string }> {
  const record = await readRecord(folder).catch(() => undefined);
  if (record !== undefined) return record;
  const kept = await readKept(folder, uid).catch(() => undefined);
  const identity = machineIdentity.safeParse(kept?.desired);
  return identity.success ? identity.data : { namespace: 'unknown', name: 'unknown' };
}
