import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../shared/base/errors.ts';
import type { ObservedMachine, RunRecord } from '../ports.ts';
import type { ConsoleLog } from './console-log.ts';
import { QEMU_LOG, listDisks, readDiskBytes } from './folder.ts';
import type { CredentialGiver } from './give-credentials.ts';
import type { GuestWatch } from './guest-watch.ts';
import { readKept } from './kept.ts';
import type { Located } from './locate.ts';
import { trimLog } from './log-file.ts';
import type { Monitor } from './monitor.ts';
import type { Note } from './notes.ts';

/** What a machine is observed through. */
export interface ObservedParts {
  readonly uid: string;
  readonly folder: string;
  readonly note: Note;
  readonly readSeen: () => Promise<RunRecord | undefined>;
  readonly findProcess: (record: RunRecord | undefined) => Promise<Located>;
  readonly monitor: Monitor;
  readonly guest: GuestWatch;
  readonly giver: CredentialGiver;
  readonly consoleLog: ConsoleLog;
}

/**
 * What there is of a machine, and what its process, monitor and guest say. Never rejects: what fails of it is the
 * `problem` of what it says.
 */
export async function observeMachine(parts: ObservedParts): Promise<ObservedMachine> {
  const { uid, folder, note, readSeen, findProcess, monitor, guest, giver, consoleLog } = parts;
  const problems: string[] = [];
  const attempt = async <T>(what: string, work: Promise<T>): Promise<T | undefined> =>
    work.catch((error: unknown) => {
      problems.push(`${what}: ${messageOf(error)}`);
      return undefined;
    });
  const [disks = [], known, kept] = await Promise.all([
    attempt("the machine's disks can't be listed", listDisks(folder)),
    attempt("the machine's last run is not known", readSeen()),
    attempt('what is kept of the machine is not known', readKept(folder, uid)),
    trimLogs(folder, consoleLog).then(
      () => note('cut its logs', undefined),
      (error: unknown) => note('cut its logs', messageOf(error)),
    ),
  ]);
  const located = await attempt("the machine's process can't be looked for", findProcess(known));
  const { record, process } = located ?? { record: known };
  const diskBytes = await readDiskBytes(folder, disks);
  const problem = problems.length === 0 ? undefined : problems.join('; ');
  note('observe it', problem);
  const seen = {
    uid,
    disks,
    diskBytes,
    ...(record === undefined ? {} : { record }),
    ...(kept === undefined ? {} : { kept }),
    ...(problem === undefined ? {} : { problem }),
  };
  if (process === undefined) return seen;
  const { pid } = process;
  const state = record === undefined ? undefined : await monitor.read(record.run);
  if (record === undefined || state === undefined) {
    return { ...seen, process: { pid, guestAgent: false, addresses: [] } };
  }
  const { addresses, details } = guest.read(record.run, state.guestAgent, state.runState === 'running');
  const credentials = giver.read(record.run);
  return {
    ...seen,
    process: {
      pid,
      ...state,
      addresses,
      ...(details && { guest: details }),
      ...(credentials && { credentials }),
    },
  };
}

async function trimLogs(folder: string, consoleLog: ConsoleLog): Promise<void> {
  consoleLog.look();
  const path = join(folder, QEMU_LOG);
  const size = await stat(path).then(
    (file) => file.size,
    () => 0,
  );
  trimLog(path, size);
}
