import { expect, test } from 'vitest';
import { commandOf, compileArm64, compileParts, valuesOf } from './manifest.ts';

const SMM = { features: { smm: {} } };
const withEfi = (efi: object, domain: object = {}) =>
  compileParts({ domain: { firmware: { bootloader: { efi } }, ...domain } });
const files = (variables: string) => ({ firmware: { code: '/fw/code.fd', variables } });

test('a BIOS is what amd64 boots by, and writes to the serial console where asked', () => {
  const command = commandOf(
    compileParts({ domain: { firmware: { bootloader: { bios: { useSerial: true } } } } }),
  );
  expect(valuesOf(command, '-machine')).toEqual(['q35,vmport=off,dump-guest-core=off,graphics=off']);
  expect(valuesOf(commandOf(compileParts()), '-machine')).toEqual(['q35,vmport=off,dump-guest-core=off']);
});

test('UEFI is flash: its code, and its variables in the folder of the machine', () => {
  const command = commandOf(withEfi({ secureBoot: false }), files('scratch-efi-variables.fd'));
  expect(valuesOf(command, '-blockdev')).toEqual([
    'driver=raw,node-name=efi-code,read-only=on,file.driver=file,file.filename=/fw/code.fd',
    'driver=raw,node-name=efi-variables,read-only=off,file.driver=file,file.filename=scratch-efi-variables.fd',
  ]);
  expect(valuesOf(command, '-machine')).toEqual([
    'q35,vmport=off,dump-guest-core=off,pflash0=efi-code,pflash1=efi-variables',
  ]);
  expect(valuesOf(command, '-global')).toEqual([]);
});

test('secure boot is the default, and keeps the variables from all but SMM', () => {
  const machine = withEfi({ persistent: true }, SMM);
  expect(machine.firmware.loader).toEqual({ kind: 'efi', secureBoot: true, persistent: true });
  const command = commandOf(machine, files('efi-variables.fd'));
  expect(valuesOf(command, '-machine')[0]).toContain('smm=on');
  expect(valuesOf(command, '-global')).toEqual([
    'driver=cfi.pflash01,property=secure,value=on',
    'ICH9-LPC.disable_s3=1',
  ]);
});

test('arm64 boots by UEFI, and not securely', () => {
  expect(compileArm64().firmware.loader).toEqual({ kind: 'efi', secureBoot: false, persistent: false });
});
