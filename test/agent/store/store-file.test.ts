import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MIGRATIONS } from '../../../agent/store/migrations.ts';
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

describe('a store that was lost', () => {
  const asides = () => readdirSync(folder).filter((name) => /corrupt-\d+$/.test(name));
  /** A store with something in it, whose epoch is the result. */
  function fill(): string {
    const store = open();
    store.putMachine({ uid: 'a', desired: { notes: 'x'.repeat(100_000) }, memory: { failures: 0 } });
    const epoch = store.epoch();
    store.close();
    return epoch;
  }
  /** It is made anew, and says what became of the one before, once. */
  function expectNew(epoch: string, why: RegExp): void {
    const store = open();
    expect(store.epoch()).not.toBe(epoch);
    expect(store.machines()).toEqual([]);
    expect(() =>
      store.transaction(() => {
        expect(store.takeLoss()).toMatch(why);
        throw new Error('killed before it was told');
      }),
    ).toThrow('killed');
    store.close();
    const again = open();
    expect(again.takeLoss()).toMatch(why);
    expect(again.takeLoss()).toBeUndefined();
    again.close();
    const later = open();
    expect(later.takeLoss()).toBeUndefined();
    later.close();
  }

  test('because its file is none of a database any more is kept aside', () => {
    const epoch = fill();
    writeFileSync(path, 'garbage '.repeat(10_000));
    expectNew(
      epoch,
      /agent\.db could not be read \(.*not a database\) and is kept as .*agent\.db\.corrupt-1$/,
    );
    expect(readFileSync(`${path}.corrupt-1`, 'utf8')).toBe('garbage '.repeat(10_000));
  });

  test.each([
    ['the middle of its file', 8_192],
    ['a page at its end', 100_000],
  ])('because %s is garbage is kept aside', (_, at) => {
    const epoch = fill();
    const bytes = readFileSync(path);
    bytes.fill(0xa5, at, at + 4_096);
    writeFileSync(path, bytes);
    expectNew(epoch, /could not be read/);
    expect(asides()).toEqual(['agent.db.corrupt-1']);
  });

  test('because half of its file is gone is kept aside', () => {
    const epoch = fill();
    truncateSync(path, statSync(path).size / 2);
    expectNew(epoch, /could not be read/);
    expect(asides()).toEqual(['agent.db.corrupt-1']);
  });

  test.each([
    ['deleted', () => rmSync(path)],
    ['emptied by a power cut', () => truncateSync(path, 0)],
  ])('because its file was %s is made anew', (_, lose) => {
    const epoch = fill();
    lose();
    expectNew(epoch, /agent\.db was gone$/);
  });

  test('again and again does not fill the disk', () => {
    for (let loss = 1; loss <= 5; loss += 1) {
      writeFileSync(path, `garbage ${loss}`);
      open().close();
    }
    expect(asides().sort()).toEqual(['agent.db.corrupt-3', 'agent.db.corrupt-4', 'agent.db.corrupt-5']);
    expect(readFileSync(`${path}.corrupt-5`, 'utf8')).toBe('garbage 5');
  });

  test('is told apart from one that was never there', () => {
    const store = open();
    expect(store.takeLoss()).toBeUndefined();
    store.close();
  });
});

test('a store of an older agent is taken over with what waits in it, numbered as it was', () => {
  withFile((file) => {
    for (const step of MIGRATIONS.slice(0, 2)) file.exec(step);
    file.pragma('user_version = 2');
    file.exec("INSERT INTO identity VALUES (1, '0b9e6c1c-53a5-4d30-9d3e-1f6f0b1c2d3e', 7, 6, 3, 2, 0, NULL)");
    const insert = file.prepare('INSERT INTO outbox VALUES (?, ?, ?, ?, 1772352000000, 5, ?)');
    const bodies = ['a', 'b', 'c'].map((message) => JSON.stringify(event(message)));
    insert.run(10, 4, null, bodies[0], 'boot-1');
    insert.run(11, 5, 'x', JSON.stringify({ kind: 'desired', generation: 1, problems: [] }), 'boot-1');
    insert.run(13, null, null, bodies[1], 'boot-1');
    insert.run(14, null, null, bodies[2], 'boot-1');
  });
  const store = open();
  store.putStatus('x', { kind: 'desired', generation: 2, problems: [] }, HAPPENING);
  expect([store.acknowledged(), store.nextSequence(), store.pendingReports()]).toEqual([3, 6, 5]);
  const words = store.reportsAfter(3, 2 ** 20).map(({ sequence, body }) => {
    const report = body as { message?: string; generation?: number };
    return `${sequence} ${report.message ?? report.generation}`;
  });
  expect(words).toEqual([
    '4 a',
    '5 1',
    '6 b',
    '7 c',
    '8 2',
    expect.stringMatching(/^9 2 events of 2026-03-01/),
  ]);
  expect(store.takeLoss()).toBeUndefined();
  store.close();
});
