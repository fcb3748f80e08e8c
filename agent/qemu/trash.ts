import { link, mkdir, readFile, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { EffectError, codeOf } from '../../shared/base/errors.ts';
import { syncPath, writeFileDurably } from '../../shared/host/files.ts';
import type { Trash, TrashEntry } from '../trash-port.ts';
import { KEPT_DISK, machineFolder } from './folder.ts';

/** How long an entry has been kept, in its folder; written now and then. */
const HELD_FILE = 'held.json';
const WRITE_EVERY_MS = 3_600_000;
/** An entry on its way out. */
const DELETING = '.deleting-';

const ENTRY =
  /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-([a-z0-9][-.a-z0-9]*)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
/** As much of a machine's name as a folder's name has room for. */
const LONGEST_NAME = 150;

/** What a machine's folder is called in the trash. Names of namespaces have no dots. */
export function trashName(namespace: string, name: string, uid: string, nowMs: number): string {
  const subject = `${namespace}.${name}`.slice(0, LONGEST_NAME);
  const time = new Date(nowMs)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:]/g, '');
  const named = `${time}-${subject}-${uid}`;
  return ENTRY.test(named) ? named : `${time}-unknown.unknown-${uid}`;
}

/** The folders of removed machines, in `<dataDir>/trash`. */
export function createTrash(dataDir: string): Trash {
  const folder = join(dataDir, 'trash');
  /** Of entries that were seen, how long they were held, and what of it is written down. */
  const held = new Map<string, { ms: number; writtenMs: number }>();

  const readHeld = async (id: string) => {
    const known = held.get(id);
    if (known !== undefined) return known;
    const ms = await readHeldMs(join(folder, id, HELD_FILE));
    const read = { ms, writtenMs: ms };
    held.set(id, read);
    return read;
  };

  const list = async (): Promise<TrashEntry[]> => {
    const names = await readdir(folder).catch(absent);
    const entries: TrashEntry[] = [];
    for (const id of names.toSorted()) {
      const match = ENTRY.exec(id);
      if (match === null) continue;
      const [, year, month, day, hour, minute, second, subject = '', uid = ''] = match;
      const dot = subject.indexOf('.');
      entries.push({
        id,
        uid,
        namespace: subject.slice(0, dot),
        name: subject.slice(dot + 1),
        removedAt: `${year}-${month}-${day}T${hour}:${minute}:${second}Z`,
        heldMs: (await readHeld(id)).ms,
        ...(await listKept(join(folder, id))),
      });
    }
    return entries;
  };

  const find = async (id: string): Promise<TrashEntry> => {
    const entry = (await list()).find((one) => one.id === id);
    if (entry === undefined) throw new EffectError('NotFound', id, `there is no "${id}" in the trash`);
    return entry;
  };

  return {
    folder,
    list,
    async age(elapsedMs) {
      for (const name of await readdir(folder).catch(absent)) {
        // A deletion that was cut off.
        if (name.startsWith(DELETING)) await rm(join(folder, name), { recursive: true, force: true });
        if (!ENTRY.test(name)) continue;
        const known = await readHeld(name);
        known.ms += elapsedMs;
        if (known.ms - known.writtenMs < WRITE_EVERY_MS) continue;
        writeFileDurably(join(folder, name, HELD_FILE), JSON.stringify({ heldMs: known.ms }));
        known.writtenMs = known.ms;
      }
      return list();
    },
    async availableBytes() {
      const { bavail, bsize } = await statfs(dataDir);
      return bavail * bsize;
    },
    async delete(id) {
      await find(id);
      const leaving = join(folder, `${DELETING}${id}`);
      // Renamed first: what a cut-off deletion leaves no longer looks like an entry that could be restored.
      await rename(join(folder, id), leaving);
      held.delete(id);
      await rm(leaving, { recursive: true, force: true });
    },
    async restore(id, uid) {
      const { disks } = await find(id);
      const target = machineFolder(join(dataDir, 'machines'), uid);
      await mkdir(target, { recursive: true, mode: 0o711 });
      const there = await readdir(target);
      const files = disks.map(({ dataVolume }) => `disk-${dataVolume}.qcow2`);
      const taken = files.find((file) => there.includes(file));
      if (taken !== undefined) {
        const message = `${join(target, taken)} is there already, and no disk is overwritten: move it away first`;
        throw new EffectError('DiskInTheWay', taken, message);
      }
      // Both names lead to the one file until it is in place, so that nothing that cuts this off loses it.
      for (const file of files) await link(join(folder, id, file), join(target, file));
      await syncPath(target);
      for (const file of files) await rm(join(folder, id, file));
      await syncPath(join(folder, id));
      return disks.map(({ dataVolume }) => dataVolume);
    },
  };
}

function absent(error: unknown): string[] {
  if (codeOf(error) === 'ENOENT') return [];
  throw error;
}

async function readHeldMs(path: string): Promise<number> {
  try {
    const read: unknown = JSON.parse(await readFile(path, 'utf8'));
    const ms = typeof read === 'object' && read !== null && 'heldMs' in read ? Number(read.heldMs) : 0;
    return Number.isFinite(ms) && ms > 0 ? ms : 0;
  } catch {
    // Torn or not there: it is counted anew, which keeps the entry longer, never shorter.
    return 0;
  }
}

async function listKept(folder: string): Promise<Pick<TrashEntry, 'bytes' | 'disks'>> {
  let bytes = 0;
  const disks: { dataVolume: string; bytes: number }[] = [];
  for (const file of await readdir(folder).catch(absent)) {
    const { blocks } = await stat(join(folder, file)).catch(() => ({ blocks: 0 }));
    bytes += blocks * 512;
    const dataVolume = KEPT_DISK.exec(file)?.[1];
    if (dataVolume !== undefined) disks.push({ dataVolume, bytes: blocks * 512 });
  }
  return { bytes, disks };
}
