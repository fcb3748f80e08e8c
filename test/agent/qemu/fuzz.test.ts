import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeHappening } from '../../../agent/describe-happening.ts';
import {
  parseAddresses,
  parseAgent,
  parseExit,
  parseFileSystems,
  parseHostname,
  parseLoad,
  parseOs,
  parseTimezone,
  parseUsers,
} from '../../../agent/qemu/guest-forms.ts';
import { connectQmp } from '../../../agent/qemu/qmp.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createFakeSocket } from './fake-socket.ts';

/** Whatever a guest's agent or QEMU's monitor says is made into something bounded and printable, or into nothing. */

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('52:54:00:00:00:01', '10.0.2.15', 'x'.repeat(10_000), '\u001b[2J'),
);
const NAMES = [
  'name hardware-address ip-addresses ip-address version supported_commands enabled id',
  'pretty-name kernel-release host-name zone offset user login-time domain mountpoint type',
  'used-bytes total-bytes disk bus-type serial exited exitcode guest reason action info',
  'device node-name operation nospace msg fatal recipient load1m load5m load15m __proto__',
  'constructor',
].flatMap((line) => line.split(' '));
/** Objects with the names that answers have, and values that they may or may not. */
const answer = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('value'), { maxLength: 200 }),
  object: fc.dictionary(fc.constantFrom(...NAMES), tie('value')),
})).value;

const LONGEST_BYTES = 400_000;
const UNPRINTABLE = /\p{Cc}/u;

test('any answer of a guest agent is taken in, bounded and without control characters', () => {
  const parsers = [
    parseAddresses,
    parseAgent,
    parseOs,
    parseHostname,
    parseTimezone,
    parseUsers,
    parseFileSystems,
    parseLoad,
    parseExit,
  ];
  fc.assert(
    fc.property(answer, fc.constantFrom(...parsers), (given, parse) => {
      const read: unknown = parse(given);
      const written = JSON.stringify(read) ?? '';
      expect(written.length).toBeLessThan(LONGEST_BYTES);
      expect(findTexts(read).filter((one) => UNPRINTABLE.test(one))).toEqual([]);
    }),
    { numRuns: 2_000 },
  );
});

test('what a well-formed answer names is made printable', () => {
  fc.assert(
    fc.property(text, (name) => {
      const address = { 'hardware-address': '52:54:00:00:00:01', 'ip-addresses': [{ 'ip-address': name }] };
      const read = [
        parseAddresses([{ name, ...address }]),
        parseUsers([{ user: name, domain: name }]),
        parseOs({ name, 'pretty-name': name }),
        parseFileSystems([
          { name, mountpoint: name, type: name, disk: [{ 'bus-type': name, serial: name }] },
        ]),
        parseHostname({ 'host-name': name }),
      ];
      expect(findTexts(read).filter((one) => UNPRINTABLE.test(one) || one.length > 256)).toEqual([]);
    }),
  );
});

test('any event of the monitor is told in a printable line, or not at all', () => {
  const names = [
    'RESET',
    'WATCHDOG',
    'GUEST_PANICKED',
    'GUEST_CRASHLOADED',
    'BLOCK_IO_ERROR',
    'BLOCK_IMAGE_CORRUPTED',
    'MEMORY_FAILURE',
  ];
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(...names), text), answer, (name, data) => {
      const event = describeHappening({ name, data });
      if (event === undefined) return;
      expect(event.message.length).toBeLessThan(2_000);
      expect(UNPRINTABLE.test(event.message)).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});

/** Every text in a value, names left out. */
function findTexts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(findTexts) : [];
}

describe("what comes from QEMU's monitor", () => {
  /** Lines that no QEMU says, and some that it could: none of them is the answer. */
  const line = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc
      .record({
        id: fc.oneof(fc.integer({ min: 100 }), fc.string(), fc.constant(null)),
        return: fc.jsonValue(),
      })
      .map(asJson),
    fc.record({ event: fc.oneof(fc.string(), fc.integer()), data: fc.jsonValue() }).map(asJson),
  );

  test('never keeps a command from its answer, whatever is between them and however it is cut', async () => {
    let noise: readonly string[] = [];
    let pieces = 1;
    const fake = await createFakeSocket(
      (client) => client.write('{"QMP": {"version": {}, "capabilities": []}}\r\n'),
      (client, command) => {
        const { id } = JSON.parse(command.toString()) as { id: number };
        const said = [...noise, asJson({ id, return: { answer: id } })];
        const bytes = Buffer.from(said.map((each) => `${each.replaceAll('\n', ' ')}\r\n`).join(''));
        const size = Math.max(1, Math.ceil(bytes.length / pieces));
        for (let at = 0; at < bytes.length; at += size) client.write(bytes.subarray(at, at + size));
      },
    );
    let lost = 0;
    const options = { path: fake.path, clock: createClock(), deadlineMs: 10_000 };
    const qmp = await connectQmp({ ...options, onEvent: () => {}, onLost: () => (lost += 1) });
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.array(line, { maxLength: 20 }),
          fc.integer({ min: 1, max: 9 }),
          async (lines, parts) => {
            noise = lines;
            pieces = parts;
            expect(await qmp.execute('query-status')).toEqual({ answer: expect.any(Number) });
          },
        ),
        { numRuns: 200, seed: 4 },
      );
      expect(lost).toBe(0);
    } finally {
      qmp.close();
      await fake.close();
    }
  });
});

function asJson(value: unknown): string {
  return JSON.stringify(value);
}
