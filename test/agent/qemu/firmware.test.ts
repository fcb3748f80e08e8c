import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RunRecord } from '../../../agent/ports.ts';
import { prepareFirmware } from '../../../agent/qemu/firmware.ts';
import { commandOf, compileParts } from '../machine/manifest.ts';

let folder: string;
let share: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-firmware-'));
  share = mkdtempSync(join(tmpdir(), 'holdfast-share-'));
  mkdirSync(join(share, 'OVMF'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  rmSync(share, { recursive: true });
});

const install = (name: string, text: string) => writeFileSync(join(share, 'OVMF', name), text);
const machine = (efi: object) =>
  compileParts({ domain: { features: { smm: {} }, firmware: { bootloader: { efi } } } });
const KEPT = machine({ secureBoot: false, persistent: true });
const prepare = async (compiled = KEPT, before?: RunRecord) =>
  prepareFirmware(folder, compiled, undefined, before, share);
const recordOf = (command: readonly string[]): RunRecord => ({
  uid: '',
  namespace: '',
  name: '',
  run: 1,
  bootId: '',
  accelerator: 'tcg',
  ports: [],
  startedAtMs: 0,
  command,
});

test('a BIOS needs none', async () => {
  expect(await prepare(compileParts())).toBeUndefined();
});

test('a box without the firmware says which package has it', async () => {
  await expect(prepare()).rejects.toMatchObject({
    code: 'FirmwareMissing',
    message: expect.stringMatching(/there is no UEFI firmware on this box: install the package ovmf/),
  });
  install('OVMF_CODE_4M.fd', 'code');
  install('OVMF_VARS_4M.fd', 'plain');
  await expect(prepare(machine({}))).rejects.toMatchObject({
    message: expect.stringMatching(/no UEFI firmware for secure boot/),
  });
});

test('variables are kept, or made anew', async () => {
  install('OVMF_CODE_4M.fd', 'code');
  install('OVMF_VARS_4M.fd', 'plain');
  const variables = join(folder, 'efi-variables.fd');
  expect(await prepare()).toEqual({
    code: join(share, 'OVMF/OVMF_CODE_4M.fd'),
    variables: 'efi-variables.fd',
  });
  expect(statSync(variables).mode & 0o777).toBe(0o600);
  writeFileSync(variables, 'entry');
  await prepare();
  expect(readFileSync(variables, 'utf8')).toBe('entry');

  const scratch = join(folder, 'scratch-efi-variables.fd');
  await prepare(machine({ secureBoot: false }));
  writeFileSync(scratch, 'entry');
  await prepare(machine({ secureBoot: false }));
  expect(readFileSync(scratch, 'utf8')).toBe('plain');
});

test('kept variables that were there and are gone are not made anew', async () => {
  install('OVMF_CODE_4M.fd', 'code');
  install('OVMF_VARS_4M.fd', 'plain');
  const firmware = await prepare();
  const before = recordOf(commandOf(KEPT, firmware && { firmware }));
  expect(await prepare(KEPT, before)).toEqual(firmware);
  rmSync(join(folder, 'efi-variables.fd'));
  await expect(prepare(KEPT, before)).rejects.toMatchObject({ code: 'VariablesMissing' });
  expect(await prepare(KEPT)).toEqual(firmware);
});

test('kept variables go with the code that they were made with', async () => {
  install('OVMF_CODE.fd', 'code');
  install('OVMF_VARS.fd', 'small');
  await prepare();
  install('OVMF_CODE_4M.fd', 'code');
  install('OVMF_VARS_4M.fd', 'larger');
  expect((await prepare())?.code).toBe(join(share, 'OVMF/OVMF_CODE.fd'));
  rmSync(join(share, 'OVMF/OVMF_CODE.fd'));
  await expect(prepare()).rejects.toMatchObject({
    code: 'FirmwareMissing',
    message: expect.stringMatching(/whose variables have 5 bytes/),
  });
});

test('secure boot begins with the keys of Microsoft', async () => {
  install('OVMF_CODE_4M.secboot.fd', 'code');
  install('OVMF_VARS_4M.ms.fd', 'keys');
  expect((await prepare(machine({ persistent: true })))?.code).toBe(
    join(share, 'OVMF/OVMF_CODE_4M.secboot.fd'),
  );
  expect(readFileSync(join(folder, 'efi-variables.fd'), 'utf8')).toBe('keys');
});
