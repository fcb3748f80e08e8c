import { expect, test } from 'vitest';
import { qemuProgram } from '../../../agent/machine/machine-type.ts';
import { commandOf, compileArm64, compileParts, valuesOf } from './manifest.ts';

test.each([
  [undefined, 'q35'],
  ['', 'q35'],
  ['pc-q35-6.2', 'pc-q35-6.2'],
])('the type %j is %s', (type, name) => {
  expect(compileParts({ domain: { machine: { type } } }).machineType).toBe(name);
});

test('one machine on arm64 in full', () => {
  const command = commandOf(
    compileArm64({
      domain: { firmware: { bootloader: { efi: { persistent: true } } } },
      devices: { rng: {}, tpm: {}, panicDevices: [{}] },
    }),
    { firmware: { code: '/usr/share/AAVMF/AAVMF_CODE.fd', variables: 'efi-variables.fd' } },
  );
  expect(command.join(' ').split(' -')).toMatchSnapshot();
  expect(qemuProgram('arm64')).toBe('qemu-system-aarch64');
});

test('a guest that reboots ends its run where it is to', () => {
  expect(valuesOf(commandOf(compileParts({ domain: { rebootPolicy: 'Terminate' } })), '-action')).toEqual([
    'shutdown=pause,reboot=shutdown,panic=pause',
  ]);
});
