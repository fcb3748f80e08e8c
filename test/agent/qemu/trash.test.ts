import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Trash } from '../../../agent/trash-port.ts';
import { createTrash, trashName } from '../../../agent/qemu/trash.ts';
import { createTrashKeeper } from '../../../agent/trash-keeper.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import { createManualClock } from '../../shared/manual-clock.ts';

const UID = '5f0c1a52-7d7b-4c57-9b0e-0d6f3a1c2e4b';
const NEW_UID = '0a6b2f7e-33f1-4f3c-8a7c-9a1d5e8b7c6d';
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const REMOVED_MS = Date.parse('2026-03-01T08:00:00Z');
const ID = `20260301T080000Z-shop.pos.north-${UID}`;

let dataDir: string;
let trash: Trash;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'holdfast-trash-'));
  trash = createTrash(dataDir);
});
afterEach(() => rmSync(dataDir, { recursive: true }));

/** A removed machine with these files. */
function put(id: string, ...files: string[]): void {
  mkdirSync(join(dataDir, 'trash', id), { recursive: true });
  for (const file of files) writeFileSync(join(dataDir, 'trash', id, file), file);
}

test('an entry says of whom it is, whatever the machine was called', async () => {
  expect(trashName('shop', 'pos.north', UID, REMOVED_MS)).toBe(ID);
  expect(trashName('../..', 'x/y', UID, REMOVED_MS)).toBe(`20260301T080000Z-unknown.unknown-${UID}`);
  const long = trashName('n'.repeat(63), 'm'.repeat(253), UID, REMOVED_MS);
  expect(long.length).toBeLessThan(256);
  put(ID, 'disk-pos-root.qcow2', 'record.json');
  put(long);
  put('lost+found');
  const entries = await trash.list();
  const first = entries.find(({ id }) => id === ID);
  expect(first).toMatchObject({
    id: ID,
    namespace: 'shop',
    name: 'pos.north',
    uid: UID,
    removedAt: '2026-03-01T08:00:00Z',
    heldMs: 0,
    disks: [{ dataVolume: 'pos-root' }],
  });
  expect(entries.map(({ id }) => id)).toEqual([ID, long].toSorted());
});

test('how long something was kept is known to the next agent', async () => {
  put(ID);
  await trash.age(5 * HOUR_MS);
  await trash.age(HOUR_MS / 2);
  expect((await trash.list())[0]?.heldMs).toBe(5.5 * HOUR_MS);
  expect((await createTrash(dataDir).list())[0]?.heldMs).toBe(5 * HOUR_MS);
  writeFileSync(join(dataDir, 'trash', ID, 'held.json'), '{"heldMs":');
  expect((await createTrash(dataDir).list())[0]?.heldMs).toBe(0);
});

test("an entry's disks go to another machine, and none of that one's is overwritten", async () => {
  put(ID, 'disk-root.qcow2', 'disk-log.qcow2', 'record.json');
  const machine = join(dataDir, 'machines', NEW_UID);
  mkdirSync(machine, { recursive: true });
  writeFileSync(join(machine, 'disk-log.qcow2'), 'its own');
  await expect(trash.restore(ID, NEW_UID)).rejects.toMatchObject({ code: 'DiskInTheWay' });
  expect(readdirSync(machine)).toEqual(['disk-log.qcow2']);
  rmSync(join(machine, 'disk-log.qcow2'));
  expect((await trash.restore(ID, NEW_UID)).toSorted()).toEqual(['log', 'root']);
  expect(readFileSync(join(machine, 'disk-root.qcow2'), 'utf8')).toBe('disk-root.qcow2');
  expect((await trash.list())[0]?.disks).toEqual([]);
  await expect(trash.restore('../machines', NEW_UID)).rejects.toMatchObject({ code: 'NotFound' });
});

test('the keeper deletes what is over, says so, and finishes what was cut off', async () => {
  put(ID, 'disk-root.qcow2');
  put(`.deleting-${ID}`, 'disk-root.qcow2');
  const clock = createManualClock();
  const deleted: string[] = [];
  const keeper = createTrashKeeper({
    trash,
    keepMs: 2 * MINUTE_MS,
    reserveBytes: 0,
    clock,
    log: createLogRecorder(),
    deleted: ({ id }, why) => deleted.push(`${id}: ${why}`),
  });
  keeper.start();
  const folder = join(dataDir, 'trash');
  await expect.poll(() => readdirSync(folder)).toEqual([ID]);
  for (let minute = 0; minute < 2; minute += 1) {
    await expect.poll(() => clock.waiting().length).toBe(1);
    expect(existsSync(join(folder, ID))).toBe(true);
    clock.advance(MINUTE_MS);
  }
  await expect.poll(() => deleted).toEqual([`${ID}: it was kept for 0 h`]);
  expect(readdirSync(folder)).toEqual([]);
  await keeper.stop();
});
