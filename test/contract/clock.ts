import { expect, test } from 'vitest';
import type { Clock } from '../../shared/ports.ts';

/** A clock, and a way to let time pass on it. */
export interface ClockWorld {
  readonly clock: Clock;
  readonly pass: (ms: number) => Promise<void>;
}

/** What hub and agent rely on of a clock. Call within a `describe`. */
export function testClock(open: () => ClockWorld): void {
  test('runs what was asked for once, and not before its time', async () => {
    const { clock, pass } = open();
    const ran: string[] = [];
    clock.after(40, () => ran.push('late'));
    clock.after(10, () => ran.push('soon'));
    expect(ran).toEqual([]);
    await pass(10);
    expect(ran).toEqual(['soon']);
    await pass(40);
    await pass(40);
    expect(ran).toEqual(['soon', 'late']);
  });

  test('runs nothing that was cancelled, and cancelling what has run does no harm', async () => {
    const { clock, pass } = open();
    const ran: string[] = [];
    const cancelSoon = clock.after(5, () => ran.push('soon'));
    const cancelLate = clock.after(20, () => ran.push('late'));
    await pass(5);
    cancelSoon();
    cancelLate();
    cancelLate();
    await pass(40);
    expect(ran).toEqual(['soon']);
  });

  test('lets what it runs ask for more', async () => {
    const { clock, pass } = open();
    const ran: number[] = [];
    clock.after(5, () => clock.after(5, () => ran.push(clock.monotonic())));
    const before = clock.monotonic();
    await pass(5);
    await pass(5);
    expect(ran).toHaveLength(1);
    expect(ran[0]).toBeGreaterThanOrEqual(before + 9);
  });

  test('gives what is due its turn first', async () => {
    const { clock } = open();
    const order: string[] = [];
    const turned = clock.turn().then(() => order.push('turned'));
    await Promise.resolve().then(() => order.push('was due'));
    await turned;
    expect(order).toEqual(['was due', 'turned']);
  });

  test('tells how much time passed by both of its hands', async () => {
    const { clock, pass } = open();
    const [wall, monotonic] = [clock.now(), clock.monotonic()];
    await pass(50);
    expect(clock.monotonic() - monotonic).toBeGreaterThanOrEqual(50);
    expect(clock.now() - wall).toBeGreaterThanOrEqual(49);
  });
}
