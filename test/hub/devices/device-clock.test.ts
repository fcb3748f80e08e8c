import { describe, expect, test } from 'vitest';
import { bootedAtMs, clockAheadMs, happenedAtMs } from '../../../hub/devices/device-clock.ts';

const NOW_MS = Date.parse('2026-03-01T12:00:00Z');
const YEAR_MS = 365 * 24 * 3_600_000;
const HOUR_MS = 3_600_000;
/** When the boot began that these messages are of. */
const BOOT_MS = NOW_MS - 10 * HOUR_MS;

/** A message sent at a time, by a clock that is ahead. */
const sentAt = (ms: number, aheadMs = 0) => {
  return { time: new Date(ms + aheadMs).toISOString(), monotonicMs: ms - BOOT_MS, bootId: 'boot-2' };
};

describe('when a boot began', () => {
  test('is what the quickest message shows, however long others were on their way', () => {
    const afterSlow = bootedAtMs(undefined, sentAt(NOW_MS), NOW_MS + 900);
    expect(afterSlow).toBe(BOOT_MS + 900);
    const known = { bootedAtMs: afterSlow, heardAtMs: NOW_MS + 900 };
    const afterQuick = bootedAtMs(known, sentAt(NOW_MS + 1_000), NOW_MS + 1_020);
    expect(afterQuick).toBe(BOOT_MS + 20);
    const stuck = bootedAtMs(
      { bootedAtMs: afterQuick, heardAtMs: NOW_MS + 1_020 },
      sentAt(NOW_MS + 2_000),
      NOW_MS + 62_000,
    );
    expect(stuck - afterQuick).toBeLessThan(10);
  });

  test('follows clocks that drift apart, and a box that slept', () => {
    const known = { bootedAtMs: BOOT_MS, heardAtMs: NOW_MS };
    const nextDay = sentAt(NOW_MS + 24 * HOUR_MS);
    const drifted = bootedAtMs(known, nextDay, NOW_MS + 24 * HOUR_MS + 4_000);
    expect(drifted).toBe(BOOT_MS + 4_000);
    expect(bootedAtMs(known, nextDay, NOW_MS + 32 * HOUR_MS)).toBe(BOOT_MS + 8 * HOUR_MS);
  });
});

test('how far a clock is ahead is told whatever a message took, also after it was set', () => {
  expect(clockAheadMs(sentAt(NOW_MS, -3 * YEAR_MS), BOOT_MS)).toBe(-3 * YEAR_MS);
  expect(clockAheadMs(sentAt(NOW_MS + 60_000), BOOT_MS)).toBe(0);
});

describe('when something happened', () => {
  const boots = [
    { bootId: 'boot-2', bootedAtMs: BOOT_MS },
    { bootId: 'boot-1', bootedAtMs: BOOT_MS - 100 * HOUR_MS },
  ];
  const report = (happenedAtMs: number, monotonicMs: number, bootId: string) => {
    return { happenedAt: new Date(happenedAtMs).toISOString(), monotonicMs, bootId };
  };

  test('is told by the monotonic clock of its boot, though the clock was years off and then set', () => {
    const twoHoursAgo = report(NOW_MS - 3 * YEAR_MS, 8 * HOUR_MS, 'boot-2');
    expect(happenedAtMs(twoHoursAgo, boots, 0, NOW_MS)).toBe(NOW_MS - 2 * HOUR_MS);
    const beforeReboot = report(0, 99 * HOUR_MS, 'boot-1');
    expect(happenedAtMs(beforeReboot, boots, 0, NOW_MS)).toBe(BOOT_MS - HOUR_MS);
  });

  test('is told by the wall clock, less what that is ahead, in a boot that the hub was never told of', () => {
    const longAgo = report(NOW_MS - 200 * HOUR_MS + YEAR_MS, 90 * HOUR_MS, 'boot-0');
    expect(happenedAtMs(longAgo, boots, YEAR_MS, NOW_MS)).toBe(NOW_MS - 200 * HOUR_MS);
  });

  test('is never later than when it was learned', () => {
    expect(happenedAtMs(report(NOW_MS + YEAR_MS, 0, 'boot-0'), boots, 0, NOW_MS)).toBe(NOW_MS);
    expect(happenedAtMs(report(NOW_MS, 11 * HOUR_MS, 'boot-2'), boots, 0, NOW_MS)).toBe(NOW_MS);
  });
});
