import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkOffers } from '../../../agent/qemu/offers.ts';
import { compileParts } from '../machine/manifest.ts';

/** Of the real QEMU of this computer. */
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-hugepages-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const check = async (domain: object) => checkOffers(compileParts({ domain }), folder);

test('a machine type and a CPU model are those that QEMU has', async () => {
  await check({});
  await check({ machine: { type: 'pc-q35-6.2' }, cpu: { model: 'Nehalem' } });
  await expect(check({ machine: { type: 'pc-q35-99.0' } })).rejects.toMatchObject({
    code: 'MachineTypeMissing',
    message: expect.stringMatching(/no machine of the type pc-q35-99\.0; it has .*pc-q35-6\.2/),
  });
  await expect(check({ cpu: { model: 'Nehalem-v99' } })).rejects.toMatchObject({
    code: 'CpuModelMissing',
    message: expect.stringMatching(/no CPU of the model Nehalem-v99; it has .*Nehalem/),
  });
});

test('huge pages are there, or it is said how many are wanted', async () => {
  const domain = { memory: { guest: '64Mi', hugepages: { pageSize: '2Mi' } } };
  await expect(check(domain)).rejects.toMatchObject({
    code: 'NotEnoughHugepages',
    message: expect.stringMatching(/is 32 huge pages of .*, and 0 are free on this box: .*nr_hugepages/),
  });
  mkdirSync(join(folder, 'hugepages-2048kB'));
  writeFileSync(join(folder, 'hugepages-2048kB/free_hugepages'), '32\n');
  await check(domain);
});
