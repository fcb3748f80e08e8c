import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createStore } from '../../../agent/store/store.ts';
import { createRandom } from '../../../shared/host/random.ts';
import { HAPPENING, event } from '../../contract/agent-store.ts';

/** What is particular to a store that is a SQLite file. */

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-agent-store-'));
  path = join(folder, 'agent.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = () => createStore(path, createRandom());

/** Looks at, or changes, the file behind the store's back. */
function withFile<T>(use: (file: Sqlite.Database) => T): T {
  const file = new Sqlite(path);
  try {
    return use(file);
  } finally {
    file.close();
  }
}

test('an agent killed with SIGKILL has all that was committed, and nothing of what was under way', async () => {
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'writer-process.ts'), path]);
  let [said, complaint] = ['', ''];
  writer.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  writer.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.endsWith('within\n')) writer.kill('SIGKILL');
  });
  const [, signal] = (await once(writer, 'close')) as [number | null, string | null];
  expect([signal, complaint]).toEqual(['SIGKILL', '']);

  const store = open();
  expect(store.machines().map(({ uid }) => uid)).toEqual(
    Array.from({ length: 20 }, (_, index) => `machine-${String(index).padStart(2, '0')}`),
  );
  expect(store.reportsAfter(0, 2 ** 20).map(({ body }) => body)).toEqual(
    Array.from({ length: 20 }, (_, index) => event(`event ${index}`)),
  );
  expect(store.desired()).toBeUndefined();
  store.close();
});

test('the file is written through to the disk before anything goes on', () => {
  const store = open();
  store.nextConnection();
  expect(withFile((file) => file.pragma('journal_mode', { simple: true }))).toBe('wal');
  store.close();
});

test('the files are for their owner only: they hold the passwords in seeds of machines', () => {
  const store = open();
  store.appendEvent(event('so that there is a journal'), HAPPENING);
  const files = ['agent.db', 'agent.db-wal', 'agent.db-shm'].map((name) => join(folder, name));
  expect(files.filter((file) => existsSync(file))).toEqual(files);
  for (const file of files) expect(statSync(file).mode & 0o077, file).toBe(0);
  store.close();
});

test('a file that a newer agent has written is refused, and left as it is', () => {
  open().close();
  withFile((file) => file.pragma('user_version = 1000'));
  expect(open).toThrow(expect.objectContaining({ code: 'StoreTooNew', subject: path }));
  expect(open).toThrow(/newer agent \(store version 1000, known up to \d+\)/);
  expect(withFile((file) => file.pragma('user_version', { simple: true }))).toBe(1000);
});

test('a file that is none of ours is not written to', () => {
  withFile((file) => file.exec('CREATE TABLE identity (other TEXT)'));
  expect(open).toThrow(/identity/);
  expect(withFile((file) => file.prepare('SELECT count(*) FROM identity').pluck().get())).toBe(0);
  expect(withFile((file) => file.pragma('user_version', { simple: true }))).toBe(0);
});
