import { describe, expect, test } from 'vitest';
import { clockAheadMs, happenedAtMs } from '../../../hub/devices/device-clock.ts';

const NOW_MS = Date.parse('2026-03-01T12:00:00Z');
const YEAR_MS = 365 * 24 * 3_600_000;
const HOUR_MS = 3_600_000;

const sentAt = (ms: number, bootId = 'boot-2', monotonicMs = 10 * HOUR_MS) => {
  return { time: new Date(ms).toISOString(), monotonicMs, bootId };
};

describe('how far a clock is ahead', () => {
  test('is what its messages show, whatever time they took', () => {
    const afterSlow = clockAheadMs(undefined, sentAt(NOW_MS + YEAR_MS - 900), NOW_MS);
    expect(afterSlow).toBe(YEAR_MS - 900);
    const afterQuick = clockAheadMs(afterSlow, sentAt(NOW_MS + YEAR_MS - 20), NOW_MS);
    expect(afterQuick).toBe(YEAR_MS - 20);
    expect(clockAheadMs(afterQuick, sentAt(NOW_MS + YEAR_MS - 3_000), NOW_MS)).toBe(YEAR_MS - 20);
  });

  test('is another once the clock was set, either way', () => {
    expect(clockAheadMs(-3 * YEAR_MS, sentAt(NOW_MS - 50), NOW_MS)).toBe(-50);
    expect(clockAheadMs(HOUR_MS, sentAt(NOW_MS - HOUR_MS), NOW_MS)).toBe(-HOUR_MS);
  });
});

describe('when something happened', () => {
  const report = (happenedAtMs: number, monotonicMs: number, bootId: string) => {
    return { happenedAt: new Date(happenedAtMs).toISOString(), monotonicMs, bootId };
  };

  test('is told by the monotonic clock within a boot, though the clock was years off and then set', () => {
    const twoHoursAgo = report(NOW_MS - 3 * YEAR_MS, 8 * HOUR_MS, 'boot-2');
    expect(happenedAtMs(twoHoursAgo, sentAt(NOW_MS), NOW_MS, 0)).toBe(NOW_MS - 2 * HOUR_MS);
  });

  test('is told by the wall clock, less what that is ahead, where it was in an earlier boot', () => {
    const yesterday = report(NOW_MS - 24 * HOUR_MS + YEAR_MS, 90 * HOUR_MS, 'boot-1');
    expect(happenedAtMs(yesterday, sentAt(NOW_MS + YEAR_MS), NOW_MS, YEAR_MS)).toBe(NOW_MS - 24 * HOUR_MS);
  });

  test('is never later than when it was learned', () => {
    expect(happenedAtMs(report(NOW_MS + YEAR_MS, 0, 'boot-1'), sentAt(NOW_MS), NOW_MS, 0)).toBe(NOW_MS);
    expect(happenedAtMs(report(NOW_MS, 11 * HOUR_MS, 'boot-2'), sentAt(NOW_MS), NOW_MS, 0)).toBe(NOW_MS);
  });
});
