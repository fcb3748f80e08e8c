import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MOST_HELD_BYTES } from '../../../agent/qemu/console-stream.ts';
import { createConsole } from '../../../agent/qemu/console.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createFakeSocket } from './fake-socket.ts';

let folder: string;
let fake: Awaited<ReturnType<typeof createFakeSocket>>;
/** The guest's end of each connection, in their order. */
let guests: Socket[];
let guestHeard: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-console-'));
  guests = [];
  guestHeard = [];
  fake = await createFakeSocket(
    (client) => guests.push(client),
    (_client, line) => guestHeard.push(line.toString('utf8')),
  );
  mkdirSync(join(folder, 'sockets'));
  symlinkSync(fake.path, join(folder, 'sockets/serial-1.sock'));
});
afterEach(async () => {
  await fake.close();
  rmSync(folder, { recursive: true });
});

async function readAll(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

test('what the guest wrote before comes first, and both ways work until QEMU ends', async () => {
  writeFileSync(join(folder, 'console.log'), 'booted\n');
  const stream = await createConsole(folder, createClock()).open(1);
  const heard = readAll(stream);
  stream.write('ls\n');
  await expect.poll(() => guestHeard).toEqual(['ls']);
  guests[0]?.end('bin etc\n');
  expect(await heard).toBe('booted\nbin etc\n');
});

test('of two that open it at once the later has it, and the earlier is told', async () => {
  const console = createConsole(folder, createClock());
  const [first, second] = await Promise.all([console.open(1), console.open(1)]);
  await expect.poll(() => first.errored).toMatchObject({ code: 'ConsoleTaken' });
  await expect.poll(() => guests.length).toBe(2);
  guests[1]?.write('for the second');
  expect(String((await once(second, 'data'))[0])).toBe('for the second');
  second.destroy();
});

test('one that is being opened when the machine is let go of is closed', async () => {
  const console = createConsole(folder, createClock());
  const opening = console.open(1);
  console.close();
  const stream = await opening;
  if (!stream.destroyed) await once(stream, 'close');
  expect(stream.destroyed).toBe(true);
});

test('a reader that stops reading does not hold the guest up, and is told what it missed', async () => {
  const stream = await createConsole(folder, createClock()).open(1);
  await expect.poll(() => guests.length).toBe(1);
  const [guest] = guests;
  const written = 4 * 2 ** 20;
  // Called when all of it has left for the other end.
  await new Promise((resolve) => guest?.write(Buffer.alloc(written, 'x'), resolve));

  let heard = '';
  stream.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1');
  });
  await expect.poll(() => heard).toMatch(/bytes skipped/);
  guest?.end('after');
  await once(stream, 'end');

  const [, before = '', skipped, after = ''] =
    /^(x+)\r\n\[\.\.\. (\d+) bytes skipped: .*\]\r\n(.*)$/.exec(heard) ?? [];
  expect(after).toMatch(/^x*after$/);
  expect(before.length + Number(skipped) + after.length).toBe(written + 'after'.length);
  // A chunk of the socket's, of at most 64 KiB, may come on top.
  expect(before.length).toBeGreaterThanOrEqual(MOST_HELD_BYTES);
  expect(before.length).toBeLessThanOrEqual(MOST_HELD_BYTES + 64 * 1024);
});
