import { mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LONGEST_LOG_BYTES, readTail, trimLog } from '../../../agent/qemu/log-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-log-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a long log keeps its end, and what appends to it goes on there', () => {
  const path = join(folder, 'log');
  const writer = openSync(path, 'a');
  writeSync(writer, `${'x'.repeat(LONGEST_LOG_BYTES)}the end`);
  trimLog(path, statSync(path).size);
  writeSync(writer, ' and more');
  expect(statSync(path).size).toBe(2 ** 20 + ' and more'.length);
  expect(readFileSync(path, 'utf8').endsWith('the end and more')).toBe(true);
});

test('a short log stays as it is', () => {
  const path = join(folder, 'log');
  writeFileSync(path, 'short');
  trimLog(path, 5);
  expect(readFileSync(path, 'utf8')).toBe('short');
});

test('a tail is the last part, from a given byte on', () => {
  const path = join(folder, 'log');
  writeFileSync(path, '0123456789');
  expect(readTail(path, 3).toString()).toBe('789');
  expect(readTail(path, 100, 8).toString()).toBe('89');
  expect(readTail(path, 100, 20).toString()).toBe('');
  expect(readTail(join(folder, 'missing'), 3).toString()).toBe('');
});
