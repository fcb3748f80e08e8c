import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { codeOf } from '../../shared/base/errors.ts';
import { fields } from '../../shared/model/schema.ts';
import { forwardedPort } from '../../shared/model/virtual-machine-instance.ts';
import { writeFileDurably } from '../../shared/host/files.ts';
import type { RunRecord } from '../ports.ts';

const RECORD_FILE = 'record.json';

const record = z.object({
  uid: z.string(),
  namespace: z.string(),
  name: z.string(),
  run: z.int().min(1),
  bootId: z.string(),
  accelerator: z.enum(['kvm', 'tcg']),
  ports: z.array(fields({ ...forwardedPort.shape, interface: z.string() })),
  fingerprint: z.string(),
  startedAtMs: z.number(),
  command: z.array(z.string()),
  pid: z.int().min(1).exactOptional(),
  startTicks: z.int().min(0).exactOptional(),
});

/** The record of the newest run; undefined where there is none, or none that makes sense. */
export async function readRecord(folder: string): Promise<RunRecord | undefined> {
  const text = await readFile(join(folder, RECORD_FILE), 'utf8').catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
    return undefined;
  });
  if (text === undefined) return undefined;
  try {
    return record.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function writeRecord(folder: string, newest: RunRecord): void {
  writeFileDurably(join(folder, RECORD_FILE), JSON.stringify(newest));
}
