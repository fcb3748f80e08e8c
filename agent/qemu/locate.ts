import { messageOf } from '../../shared/base/errors.ts';
import type { RunRecord } from '../ports.ts';
import type { Note } from './notes.ts';
import type { LiveProcess } from './process.ts';
import { findMachineProcess, readRecordedProcess, readRunNumber } from './process.ts';
import { writeRecord } from './record.ts';

/** The newest run and its live process, as far as there are such. */
export interface Located {
  readonly record: RunRecord | undefined;
  readonly process?: LiveProcess | undefined;
}

interface LocatorOptions {
  readonly uid: string;
  readonly folder: string;
  readonly bootId: string;
  readonly note: Note;
  /** Whether a start is under way: that completes the record itself. */
  readonly isStarting: () => boolean;
}

/** Finds the process of a machine's newest run. A record that an agent did not live to complete is completed. */
export function createLocator({ uid, folder, bootId, note, isStarting }: LocatorOptions) {
  const complete = (record: RunRecord) => {
    try {
      writeRecord(folder, record);
      note('complete its record', undefined);
    } catch (error) {
      // The process was found all the same, and the record is completed when it is looked for next.
      note('complete its record', messageOf(error));
    }
  };

  return async (record: RunRecord | undefined): Promise<Located> => {
    if (record?.pid !== undefined) {
      const process = record.bootId === bootId ? await readRecordedProcess(record, folder) : undefined;
      return { record, process };
    }
    const process = await findMachineProcess(folder, uid);
    if (process === undefined || record === undefined) return { record, process };
    const { pid, startTicks } = process;
    const completed = { ...record, run: readRunNumber(process) ?? record.run, pid, startTicks };
    if (!isStarting()) complete(completed);
    return { record: completed, process };
  };
}
