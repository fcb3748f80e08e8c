import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Store } from '../../hub/ports.ts';
import { createStore } from '../../hub/store/store.ts';

/** What is particular to a store that is a SQLite file. */

let path: string;
let store: Store;
beforeEach(async () => {
  path = join(mkdtempSync(join(tmpdir(), 'holdfast-store-')), 'hub.db');
  store = await createStore(path);
});
afterEach(async () => {
  await store.close();
  rmSync(dirname(path), { recursive: true });
});

async function reopen(): Promise<void> {
  await store.close();
  store = await createStore(path);
}

const put = (name: string) =>
  store.transaction(({ objects }) => {
    const object = { apiVersion: 'test/v1', kind: 'Thing', metadata: { name } };
    return objects.put({ kind: 'test/Thing', namespace: '', name }, object);
  });
const since = (kind: string) => store.transaction(({ objects }) => objects.changesSince(kind, 0, 1_000));

test('the file goes on where it was when opened again, and is for its owner only', async () => {
  await put('a');
  await reopen();
  expect((await put('b')).metadata.resourceVersion).toBe('2');
  expect((await since('test/Thing'))?.length).toBe(2);
  expect(statSync(path).mode & 0o077).toBe(0);
  const file = new Sqlite(path);
  expect(file.pragma('journal_mode', { simple: true })).toBe('wal');
  file.close();
});

test('the file is refused where a newer version has written it', async () => {
  await store.close();
  const file = new Sqlite(path);
  file.prepare('insert into kysely_migration (name, timestamp) values (?, ?)').run('9999-later', '2030');
  file.close();
  await expect(createStore(path)).rejects.toThrow(/newer version of Holdfast \(it has 9999-later\)/);
  const again = new Sqlite(path);
  again.prepare('delete from kysely_migration where name = ?').run('9999-later');
  again.close();
  store = await createStore(path);
});

test('the file keeps what was committed when its process is killed, and nothing else', async () => {
  await store.close();
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'hub-store-writer.ts'), path]);
  let said = '';
  writer.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.includes('open')) writer.kill('SIGKILL');
  });
  let complaint = '';
  writer.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const [, signal] = (await once(writer, 'close')) as [number | null, string | null];
  store = await createStore(path);
  expect([signal, complaint]).toEqual(['SIGKILL', '']);
  const listed = await store.transaction(({ objects }) => objects.list('/Namespace'));
  expect(listed.length).toBe(20);
  expect(await store.transaction(({ objects }) => objects.resourceVersion())).toBe(20);
  expect((await since('/Namespace'))?.length).toBe(20);
});
