import { basename } from 'node:path';
import { z } from 'zod';
import { EffectError } from '../../shared/base/errors.ts';
import { keptDiskFile } from '../machine/files.ts';
import type { Qmp } from './qmp.ts';

const nodes = z.array(
  z.looseObject({ 'node-name': z.string().optional(), drv: z.string(), file: z.string() }),
);

/**
 * Makes a disk that QEMU has open larger; the guest is told by QEMU. Done twice it changes nothing.
 * @throws EffectError NotAttached, QmpRefused
 */
export async function growOpenDisk(qmp: Qmp, dataVolume: string, bytes: number): Promise<void> {
  const all = nodes.parse(await qmp.execute('query-named-block-nodes', undefined, { flat: true }));
  const file = keptDiskFile(dataVolume);
  const node = all.find((one) => one.drv === 'qcow2' && basename(one.file) === file)?.['node-name'];
  if (node === undefined) {
    const message = `the running machine does not have the disk of data volume ${dataVolume}: it grows at its next start`;
    throw new EffectError('NotAttached', dataVolume, message);
  }
  await qmp.execute('block_resize', undefined, { 'node-name': node, size: bytes });
}
