import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EffectError, codeOf, messageOf } from '../../shared/base/errors.ts';
import { writeFileDurably } from '../../shared/host/files.ts';
import { machineIdentity } from '../../shared/model/machine.ts';
import type { KeptMachine } from '../ports.ts';

const KEPT_FILE = 'machine.json';

/** As far as a file has to be believed: what lies in a folder of another machine, or is torn, is none. */
const kept = z.object({
  desired: z.looseObject(machineIdentity.shape),
  memory: z.looseObject({ failures: z.int().min(0), run: z.looseObject({ number: z.int() }).optional() }),
});

/**
 * What was written down of a machine beside its disks; undefined where there is nothing, or nothing that makes sense.
 * @throws EffectError KeptUnreadable
 */
export async function readKept(folder: string, uid: string): Promise<KeptMachine | undefined> {
  const path = join(folder, KEPT_FILE);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new EffectError('KeptUnreadable', path, `can't read ${path}: ${messageOf(error)}`, error);
  });
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return kept.parse(value).desired.uid === uid ? (value as KeptMachine) : undefined;
  } catch {
    return undefined;
  }
}

export function writeKept(folder: string, newest: KeptMachine): void {
  writeFileDurably(join(folder, KEPT_FILE), JSON.stringify(newest));
}
