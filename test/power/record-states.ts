import childProcess from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { basename, join, relative } from 'node:path';
import process from 'node:process';

/**
 * Loaded into an agent before anything of it (`--import`): before each thing that the agent does to a file, a store or
 * a process, what its folder would be after a power cut at that moment is copied to a folder of its own. What was made
 * since the agent began and never synced is empty in the copy, as a file system may well leave it.
 *
 * `HOLDFAST_STATES_OF` names the folder, `HOLDFAST_STATES_TO` where the copies go: `0001-<what comes next>` and so on.
 */
const { HOLDFAST_STATES_OF: of = '', HOLDFAST_STATES_TO: to = '' } = process.env;

const BOOT_ID = '/proc/sys/kernel/random/boot_id';
/** SQLite's own account of who uses a store is gone with the power; logs tell nobody anything. */
const PASSING = /(?:-shm|\.log)$/;
/** SQLite, and the player of a TPM, sync what they write themselves. */
const SYNCED_BY_OTHERS = /(?:\.db(?:-wal)?|(?:^|\/)tpm\/.*)$/;

type Call = (...args: unknown[]) => unknown;
type Owner = Record<string, Call>;

const { fstatSync, lstatSync, readdirSync, truncateSync } = fs;
const { execFileSync } = childProcess;
const synced = new Set<number>();
const first = new Set(walk().map(({ ino }) => ino));
let before = '';
let count = 0;
let isRecording = false;

const ON_FILES = ['openSync', 'writeSync', 'fsyncSync', 'renameSync', 'linkSync', 'mkdirSync', 'rmSync'];
const ON_FILES_LATER = ['open', 'rename', 'link', 'mkdir', 'mkdtemp', 'rm', 'unlink', 'chmod', 'copyFile'];
const ON_HANDLES = ['write', 'writeFile', 'truncate', 'sync', 'datasync'];
wrapAll(fs, [...ON_FILES, 'unlinkSync', 'writeFileSync', 'chmodSync', 'copyFileSync']);
wrapAll(fs.promises, [...ON_FILES_LATER, 'writeFile', 'chown']);
wrapAll(childProcess, ['spawn', 'execFile']);
const handle = await fs.promises.open(to, 'r');
wrapAll(Object.getPrototypeOf(handle), ON_HANDLES);
await handle.close();
// The store's writes are made in C.
const Store = createRequire(import.meta.url)('better-sqlite3') as new (path: string) => {
  prepare(sql: string): object;
};
const store = new Store(':memory:');
wrapAll(Object.getPrototypeOf(store), ['exec']);
wrapAll(Object.getPrototypeOf(store.prepare('SELECT 1')), ['run']);
// The agent that finds the state is one of another boot, as it is after a power cut.
const bootId = randomUUID();
const calls = fs as unknown as Owner;
const { readFileSync } = calls;
calls['readFileSync'] = (...args) => (args[0] === BOOT_ID ? bootId : readFileSync?.(...args));
syncBuiltinESMExports();

function wrapAll(owner: object, names: readonly string[]): void {
  const calls = owner as Owner;
  for (const name of names) {
    const call = calls[name];
    if (call === undefined) continue;
    calls[name] = function (this: unknown, ...args: unknown[]) {
      if (!isRecording) record(describeCall(name, args));
      const result = Reflect.apply(call, this, args);
      if (name === 'fsyncSync') synced.add(fstatSync(args[0] as number).ino);
      if (name === 'sync') synced.add(fstatSync((this as { fd: number }).fd).ino);
      return result;
    };
  }
}

/** The call, with the name of the file that it is about. */
function describeCall(name: string, [subject]: readonly unknown[]): string {
  return typeof subject === 'string' && subject.startsWith('/') ? `${name}-${basename(subject)}` : name;
}

/** Copies the folder, unless it is as it was at the last call. */
function record(next: string): void {
  isRecording = true;
  try {
    const files = walk();
    const now = files
      .map(({ path, ino, size, mtimeMs, mode, uid }) => [path, ino, size, mtimeMs, mode, uid].join(' '))
      .join('\n');
    if (now === before) return;
    before = now;
    count += 1;
    const copy = join(to, `${String(count).padStart(4, '0')}-${next}`);
    execFileSync('cp', ['-a', of, copy]);
    for (const { path, ino, isFile } of files) {
      if (!isFile || first.has(ino) || synced.has(ino) || SYNCED_BY_OTHERS.test(path)) continue;
      if (fs.existsSync(join(copy, path))) truncateSync(join(copy, path));
    }
    for (const path of readdirSync(copy, { recursive: true, encoding: 'utf8' }))
      if (path.endsWith('-shm')) fs.rmSync(join(copy, path));
  } finally {
    isRecording = false;
  }
}

interface Found {
  readonly path: string;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly mode: number;
  readonly uid: number;
  readonly isFile: boolean;
}

function walk(folder = of): Found[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name): Found[] => {
      const path = join(folder, name);
      const found = lstatSync(path, { throwIfNoEntry: false });
      if (found === undefined || PASSING.test(name)) return [];
      if (found.isDirectory()) return [{ ...pick(found, path), mtimeMs: 0 }, ...walk(path)];
      return [pick(found, path)];
    });
}

function pick(found: fs.Stats, path: string): Found {
  const { ino, size, mtimeMs, mode, uid } = found;
  return { path: relative(of, path), ino, size, mtimeMs, mode, uid, isFile: found.isFile() };
}
