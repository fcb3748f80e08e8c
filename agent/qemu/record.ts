import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EffectError, codeOf, messageOf } from '../../shared/base/errors.ts';
import { fields } from '../../shared/model/schema.ts';
import { forwardedPort } from '../../shared/model/virtual-machine-instance.ts';
import { writeFileDurably } from '../../shared/host/files.ts';
import type { RunRecord } from '../ports.ts';

const RECORD_FILE = 'record.json';

const lent = fields({
  hostDevices: z.array(
    z.union([
      fields({ bus: z.literal('pci'), address: z.string() }),
      fields({ bus: z.literal('usb'), place: z.string() }),
    ]),
  ),
  cpus: z.array(z.int()),
});

const record = z.object({
  uid: z.string(),
  namespace: z.string(),
  name: z.string(),
  run: z.int().min(1),
  bootId: z.string(),
  accelerator: z.enum(['kvm', 'tcg']),
  ports: z.array(fields({ ...forwardedPort.shape, interface: z.string() })),
  lent: lent.exactOptional(),
  desired: z.unknown().optional(),
  startedAtMs: z.number(),
  claimBytes: z.number().exactOptional(),
  command: z.array(z.string()),
  places: z.record(z.string(), z.string()).exactOptional(),
  balloonBytes: z.int().exactOptional(),
  linksDown: z.array(z.string()).exactOptional(),
  pid: z.int().min(1).exactOptional(),
  startTicks: z.int().min(0).exactOptional(),
});

/**
 * The record of the newest run; undefined where there is none. One that makes no sense is not none: it says which
 * disks must be there, and a start without it could make one anew.
 * @throws EffectError RecordUnreadable
 */
export async function readRecord(folder: string): Promise<RunRecord | undefined> {
  return createRecordReader(folder)();
}

/** Reads as `readRecord`; while the record is the same, so is the object. */
export function createRecordReader(folder: string): () => Promise<RunRecord | undefined> {
  const path = join(folder, RECORD_FILE);
  let last: { readonly text: string; readonly record: RunRecord } | undefined;
  return async () => {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw new EffectError('RecordUnreadable', path, `can't read ${path}: ${messageOf(error)}`, error);
    });
    if (text === undefined) return undefined;
    if (last?.text !== text) last = { text, record: parseRecord(path, text) };
    return last.record;
  };
}

function parseRecord(path: string, text: string): RunRecord {
  try {
    return record.parse(JSON.parse(text));
  } catch (error) {
    const message = `${path} holds no record of a run: put it back, or delete it once all disks are there`;
    throw new EffectError('RecordUnreadable', path, message, error);
  }
}

export function writeRecord(folder: string, newest: RunRecord): void {
  writeFileDurably(join(folder, RECORD_FILE), JSON.stringify(newest));
}
