import { expect, test } from 'vitest';
import { createHappenings } from '../../agent/happenings.ts';
import { describeHappening } from '../../agent/describe-happening.ts';
import { createManualClock } from '../shared/manual-clock.ts';

test.each([
  ['RESET', { guest: true, reason: 'guest-reset' }, 'GuestReset: the guest rebooted'],
  ['RESET', { guest: false, reason: 'host-qmp-system-reset' }, undefined],
  [
    'WATCHDOG',
    { action: 'reset' },
    'WatchdogFired: the guest did not feed its watchdog, which fired; what follows is: reset',
  ],
  [
    'WATCHDOG',
    { action: 'pause' },
    'WatchdogFired: the guest did not feed its watchdog, which fired; what follows is: poweroff',
  ],
  ['GUEST_PANICKED', { action: 'pause' }, "GuestPanicked: the guest's kernel panicked"],
  [
    'GUEST_PANICKED',
    { action: 'pause', info: { type: 'hyper-v', arg1: 1 } },
    "GuestPanicked: the guest's kernel panicked (hyper-v)",
  ],
  [
    'BLOCK_IO_ERROR',
    { device: '', 'node-name': 'disk-root', operation: 'write', action: 'stop', nospace: true, reason: 'x' },
    'IOError: a write on disk disk-root failed: there is no space left; the guest is held until that is over',
  ],
  [
    'BLOCK_IO_ERROR',
    { device: 'd0', operation: 'read', action: 'report', nospace: false, reason: 'Input/output error' },
    'IOError: a read on disk d0 failed: Input/output error; the guest was told of it',
  ],
  [
    'BLOCK_IMAGE_CORRUPTED',
    { device: 'd0', msg: 'bad\ntable', fatal: true },
    'DiskCorrupted: QEMU found disk d0 corrupted: bad table; it is written to no more',
  ],
  ['WATCHDOG', { action: 7 }, undefined],
  ['BALLOON_CHANGE', { actual: 1 }, undefined],
])('%s %j is told as %s', (name, data, told) => {
  const event = describeHappening({ name, data });
  expect(event && `${event.reason}: ${event.message}`).toBe(told);
});

test('a guest that reboots in a loop is told of once a minute, with how often it did', () => {
  const clock = createManualClock();
  const told: string[] = [];
  const happen = createHappenings(clock, (uid, { message }) => told.push(`${uid} ${message}`));
  const reset = { name: 'RESET', data: { guest: true } };
  for (let second = 0; second < 90; second += 1) {
    happen('a', reset);
    clock.advance(1_000);
  }
  happen('b', reset);
  expect(told).toEqual([
    'a the guest rebooted',
    'a the guest rebooted (and 59 times more before)',
    'b the guest rebooted',
  ]);
});
