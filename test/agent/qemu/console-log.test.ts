import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ConsoleLog } from '../../../agent/qemu/console-log.ts';
import { createConsoleLog } from '../../../agent/qemu/console-log.ts';
import { readLog } from '../../../agent/qemu/read-log.ts';
import type { ManualClock } from '../../shared/manual-clock.ts';
import { createManualClock } from '../../shared/manual-clock.ts';

/** The log of a serial console: a real file that grows, and a clock that the test moves. */

const HOUR_MS = 3_600_000;
const ALL = { follow: false, timestamps: false };

/** Nobody leaves. */
const UNENDED = new AbortController().signal;

let folder: string;
let clock: ManualClock;
let log: ConsoleLog;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-console-log-'));
  clock = createManualClock();
  log = createConsoleLog(folder, clock);
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (text: string) => appendFileSync(join(folder, 'console.log'), text);
/** As the agent's tick has it. */
const writeAndLook = (text: string) => {
  write(text);
  log.look();
};

async function read(options: Partial<Parameters<typeof readLog>[2]> = {}): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of readLog(log, clock, { ...ALL, ...options }, UNENDED)) parts.push(part);
  return Buffer.concat(parts).toString();
}

test('the last lines', async () => {
  write('one\ntwo\nthree');
  expect(await read()).toBe('one\ntwo\nthree');
  expect(await read({ tailLines: 2 })).toBe('two\nthree');
  expect(await read({ tailLines: 9 })).toBe('one\ntwo\nthree');
  expect(await read({ tailLines: 0 })).toBe('');
  write('\n');
  expect(await read({ tailLines: 1 })).toBe('three\n');
});

test('since a time: all that may have been written after it, and nothing that was surely before', async () => {
  writeAndLook('evening\n');
  clock.advance(8 * HOUR_MS);
  writeAndLook('morning\nhalf ');
  clock.advance(HOUR_MS);
  writeAndLook('a line\nlater\n');
  expect(await read({ sinceSeconds: 30 * 60 })).toBe('half a line\nlater\n');
  expect(await read({ sinceSeconds: 2 * 3600 })).toBe('morning\nhalf a line\nlater\n');
  expect(await read({ sinceSeconds: 24 * 3600 })).toBe('evening\nmorning\nhalf a line\nlater\n');
  expect(await read({ sinceSeconds: 0 })).toBe('');
  expect(await read({ sinceSeconds: 2 * 3600, tailLines: 1 })).toBe('later\n');
});

test('each line after the time by which it had been written', async () => {
  writeAndLook('booting\n');
  clock.advance(60_000);
  writeAndLook('ready\nlogin: ');
  expect(await read({ timestamps: true })).toBe(
    '2026-03-01T08:00:00.000Z booting\n2026-03-01T08:01:00.000Z ready\n2026-03-01T08:01:00.000Z login: ',
  );
});

test('times outlive the agent', async () => {
  writeAndLook('before\n');
  clock.advance(HOUR_MS);
  log = createConsoleLog(folder, clock);
  writeAndLook('after\n');
  expect(await read({ sinceSeconds: 60 })).toBe('after\n');
});

test('a log that is too long loses its beginning, and what is left keeps its times', async () => {
  writeAndLook('x'.repeat(4 * 2 ** 20));
  clock.advance(HOUR_MS);
  writeAndLook('\nthe end\n');
  expect(statSync(join(folder, 'console.log')).size).toBe(2 ** 20);
  expect(log.cutBytes()).toBe(3 * 2 ** 20 + 9);
  expect(await read({ sinceSeconds: 60 })).toMatch(/^x*\nthe end\n$/);
  expect(readFileSync(join(folder, 'console.times'), 'utf8')).toBe(
    `${2 ** 20 - 9} ${clock.now() - HOUR_MS}\n${2 ** 20} ${clock.now()}\n`,
  );
  // Somebody else has cut it.
  writeFileSync(join(folder, 'console.log'), 'new\n');
  log.look();
  expect(readFileSync(join(folder, 'console.times'), 'utf8')).toBe(`4 ${clock.now()}\n`);
});

test('what is written while it is followed, also when its beginning is cut off meanwhile', async () => {
  writeAndLook('one\n');
  const parts = readLog(log, clock, { ...ALL, follow: true }, UNENDED);
  const next = async () => {
    const part = parts.next();
    await clock.turn();
    clock.advance(500);
    return String((await part).value);
  };
  expect(await next()).toBe('one\n');
  write('two\n');
  expect(await next()).toBe('two\n');
  writeAndLook(`${'x'.repeat(5 * 2 ** 20)}\n`);
  let all = '';
  while (!all.endsWith('\n')) all += await next();
  // Of what was never there to be read, as much as there still is.
  expect(all).toBe(`${'x'.repeat(2 ** 20 - 1)}\n`);
  write('three\n');
  expect(await next()).toBe('three\n');
  await parts.return(undefined);
});

test.each(['whoever follows it leaves', 'it is removed'])(
  'a silent log is no longer looked at once %s',
  async (why) => {
    write('one\n');
    const leaving = new AbortController();
    const parts = readLog(log, clock, { ...ALL, follow: true }, leaving.signal);
    expect(String((await parts.next()).value)).toBe('one\n');
    const end = parts.next();
    await clock.turn();
    if (why === 'it is removed') rmSync(join(folder, 'console.log'));
    else leaving.abort();
    clock.advance(500);
    expect(await end).toEqual({ done: true, value: undefined });
  },
);
