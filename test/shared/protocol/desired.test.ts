import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { DesiredDocument } from '../../../shared/protocol/desired.ts';
import {
  createDesiredAssembler,
  encodeDesired,
  hashText,
  parseDesired,
  splitDesired,
} from '../../../shared/protocol/desired.ts';
import type { DesiredMessage } from '../../../shared/protocol/messages.ts';
import {
  LARGEST_PAYLOAD_BYTES,
  decodeMessage,
  desiredMessage,
  encodeMessage,
} from '../../../shared/protocol/messages.ts';

const small: DesiredDocument = { device: 'edge-1', generation: 1, machines: [{ name: 'pos' }] };

/** A document of 300 KB and more that no compression makes smaller. */
function large(generation: number): DesiredDocument {
  const userData = randomBytes(225_000).toString('base64');
  return { device: 'edge-1', generation, machines: [{ name: 'pos', userData }] };
}

function split(document: DesiredDocument): DesiredMessage[] {
  const { text, hash } = encodeDesired(document);
  return splitDesired(document.generation, hash, text);
}

const assemble = (messages: readonly DesiredMessage[]) => {
  const assembler = createDesiredAssembler();
  return messages.map((message) => assembler.add(message));
};

describe('a document on its way', () => {
  test.each([
    ['small', small, 1],
    ['large', large(2), 5],
    ['empty', { device: 'edge-1', generation: 3, machines: [] }, 1],
  ])('a %s one arrives as it was sent, in parts that every broker takes', (_, document, leastParts) => {
    const payloads = split(document).map((message) => encodeMessage(message));
    expect(payloads.length).toBeGreaterThanOrEqual(leastParts);
    for (const payload of payloads) expect(payload.length).toBeLessThanOrEqual(LARGEST_PAYLOAD_BYTES);

    const assembler = createDesiredAssembler();
    const outcomes = payloads.map((payload) => {
      const message = decodeMessage(desiredMessage, payload);
      return message.ok ? assembler.add(message.value) : message;
    });
    const last = outcomes.pop();
    expect(outcomes.every((outcome) => outcome === undefined)).toBe(true);
    expect(last).toMatchObject({ ok: true });
    expect(parseDesired(last?.ok === true ? last.value : '')).toEqual({ ok: true, value: document });
  });

  test('the same content has the same hash, however it was put together', () => {
    const reordered = { machines: [{ name: 'pos' }], generation: 1, device: 'edge-1' };
    expect(encodeDesired(small).hash).toBe(encodeDesired(reordered).hash);
    expect(encodeDesired(small).hash).not.toBe(encodeDesired({ ...small, generation: 2 }).hash);
  });

  test('its parts may come in any order, and more than once', () => {
    const document = large(1);
    const parts = split(document).toReversed();
    const [first, ...rest] = parts;
    const outcomes = assemble([...(first === undefined ? [] : [first, first]), ...rest]);
    expect(outcomes.at(-1)).toEqual({ ok: true, value: encodeDesired(document).text });
    expect(outcomes.filter((outcome) => outcome !== undefined)).toHaveLength(1);
  });

  test('nothing comes of it while a part is missing', () => {
    const parts = split(large(1));
    expect(assemble(parts.filter(({ part }) => part !== 2)).every((one) => one === undefined)).toBe(true);
  });

  test('parts of a newer one displace it, and what is left of it comes too late', () => {
    const [older, newer] = [split(large(1)), split(large(2))];
    const [oldParts, newParts] = [older.slice(0, 2), newer.slice(0, 2)];
    const outcomes = assemble([...oldParts, ...newParts, ...older.slice(2), ...newer.slice(2)]);
    expect(outcomes.filter((one) => one !== undefined)).toHaveLength(1);
    const last = outcomes.at(-1);
    expect(last?.ok === true && parseDesired(last.value)).toMatchObject({
      ok: true,
      value: { generation: 2 },
    });
  });
});

describe('a document is refused', () => {
  const text = encodeDesired(small).text;
  const message = (change: Partial<DesiredMessage>): DesiredMessage => ({
    generation: 1,
    hash: hashText(text),
    part: 0,
    parts: 1,
    content: gzipSync(text).toString('base64'),
    ...change,
  });
  const refusal = (change: Partial<DesiredMessage>) => assemble([message(change)])[0];

  test('that is as the others, but whole', () => {
    expect(refusal({})).toEqual({ ok: true, value: text });
  });

  test.each([
    ['its text does not have its hash', { hash: hashText('another') }],
    ['unpacked', { content: Buffer.from(text).toString('base64') }],
    ['unpacked', { content: gzipSync(text).subarray(0, 20).toString('base64') }],
    ['part 3 of 2', { part: 3, parts: 2 }],
  ])('when %s', (why, change) => {
    expect(refusal(change)).toMatchObject({
      ok: false,
      causes: [{ message: expect.stringContaining(why) as string }],
    });
  });

  test('when it unpacks to more than any document has', () => {
    const bomb = ' '.repeat(65 * 1024 * 1024);
    const parts = splitDesired(1, hashText(bomb), bomb);
    expect(parts.map((part) => encodeMessage(part).length).reduce((a, b) => a + b)).toBeLessThan(200_000);
    expect(assemble(parts).at(-1)).toMatchObject({
      ok: false,
      causes: [{ message: expect.stringContaining('unpacked') as string }],
    });
  });

  test('when what it says is not a document', () => {
    expect(parseDesired('{"device"')).toMatchObject({ ok: false });
    expect(parseDesired('null')).toMatchObject({ ok: false });
    expect(parseDesired('{"device":"a","generation":0,"machines":[]}')).toMatchObject({
      ok: false,
      causes: [{ field: 'generation' }],
    });
  });
});
