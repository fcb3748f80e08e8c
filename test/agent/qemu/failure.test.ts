import { expect, test } from 'vitest';
import { asFailure, failureOf } from '../../../agent/qemu/failure.ts';
import { EffectError } from '../../../shared/base/errors.ts';

/** As QEMU 7.2 and its tools say them. */
test.each([
  [
    "-netdev user,id=a,hostfwd=tcp:127.0.0.1:80-:80: Could not set up host forwarding rule 'tcp:127.0.0.1:80-:80'",
    'PortInUse',
  ],
  ["cannot set up guest memory 'pc.ram': Cannot allocate memory", 'OutOfMemory'],
  ['Failed to get "write" lock; Is another process using the image [disk-root.qcow2]?', 'DiskLocked'],
  ["qemu: could not load kernel 'empty': No such file or directory", 'KernelUnusable'],
  ['qemu: error reading initrd /nope: Failed to open file "/nope"', 'KernelUnusable'],
  ['qemu-img: disk.qcow2: Could not write qcow2 header: No space left on device', 'DiskFull'],
  ['Could not access KVM kernel module: No such file or directory', 'KvmUnusable'],
  ['something else', 'QemuFailed'],
])('%s', (words, code) => {
  expect(failureOf(words, 'pos', 'QemuFailed')).toMatchObject({ code, subject: 'pos', message: words });
});

test('what the system says of a full disk is the same', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  expect(asFailure(full, 'pos', 'StartFailed')).toMatchObject({ code: 'DiskFull', cause: full });
  expect(asFailure(new Error('odd'), 'pos', 'StartFailed')).toMatchObject({ code: 'StartFailed' });
  const known = new EffectError('ImageMissing', 'x', 'y');
  expect(asFailure(known, 'pos', 'StartFailed')).toBe(known);
});
