import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inspectHeader } from '../../../agent/image/format.ts';
import { RefusedImage } from '../../../agent/image/refused-image.ts';
import { parseManifest } from '../../../agent/image/registry/manifest.ts';
import { readTar } from '../../../agent/image/registry/tar.ts';
import { formatImageReference, parseImageReference } from '../../../shared/base/image-reference.ts';
import { makeIndex, makeImage, makeTar } from '../../tools/container-image.ts';

/** What others made, changed at random: the answer is always a sentence, and never more than was asked for. */

const RUNS = { numRuns: 2_000 };
const MOST_BYTES = 2 ** 40;

const image = makeImage([Buffer.from('layer')]);
const GOOD = [image.manifest.content, makeIndex({ amd64: image, arm64: image }).content].map(
  (content) => JSON.parse(content.toString('utf8')) as object,
);

/** A good manifest with some of its members replaced by something else. */
const bentManifest = fc
  .tuple(
    fc.constantFrom(...GOOD),
    fc.dictionary(fc.constantFrom('schemaVersion', 'layers', 'manifests', 'mediaType'), fc.jsonValue()),
  )
  .map(([good, change]) => JSON.stringify({ ...good, ...change }));

test('a manifest is understood or refused', () => {
  const texts = fc.oneof(bentManifest, fc.json(), fc.string());
  fc.assert(
    fc.property(texts, (text) => {
      try {
        const parsed = parseManifest(text, 'amd64', MOST_BYTES);
        const layers = 'layers' in parsed ? parsed.layers : [parsed.chosen];
        for (const { digest } of layers) expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
        expect(layers.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(MOST_BYTES);
      } catch (error) {
        if (!(error instanceof RefusedImage)) throw error;
      }
    }),
    RUNS,
  );
});

/** Bytes with some of them changed. */
const bent = (good: Buffer, where: number) =>
  fc.array(fc.tuple(fc.nat(where - 1), fc.nat(255)), { maxLength: 12 }).map((changes) => {
    const bytes = Buffer.from(good);
    for (const [at, value] of changes) bytes[at] = value;
    return bytes;
  });

function makeQcow2Header(): Buffer {
  const header = Buffer.alloc(512);
  header.write('QFI\xfb', 0, 'latin1');
  header.writeUInt32BE(3, 4);
  header.writeUInt32BE(16, 20);
  header.writeBigUInt64BE(2n ** 30n, 24);
  return header;
}

test("a header that names another file, or a key, is never taken for a disk's", () => {
  fc.assert(
    fc.property(fc.oneof(bent(makeQcow2Header(), 112), fc.uint8Array({ maxLength: 512 })), (bytes) => {
      const header = Buffer.from(bytes);
      const inspection = inspectHeader(header);
      if ('refused' in inspection) return inspection.refused.message.length > 5;
      if (inspection.format === 'raw') return header.toString('latin1', 0, 4) !== 'QFI\xfb';
      const names = header.readBigUInt64BE(8) !== 0n || header.readUInt32BE(32) !== 0;
      const outside = header.readUInt32BE(4) >= 3 && (header.readBigUInt64BE(72) & 4n) !== 0n;
      return !names && !outside && Number.isSafeInteger(inspection.virtualBytes);
    }),
    RUNS,
  );
});

const TAR = makeTar([
  { path: 'disk/', type: '5' },
  { path: 'disk/a.img', content: Buffer.alloc(700, 1) },
  { path: 'x', type: 'x', content: Buffer.from('20 path=disk/b.img\n\n') },
  { path: 'etc/link', type: '2', linksTo: '/etc' },
]);

test('a tar is read to its end or refused, whatever is in it and however it comes', async () => {
  const cuts = fc.array(fc.nat(TAR.length), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(bent(TAR, TAR.length), cuts, fc.nat(TAR.length), async (bytes, places, end) => {
      const whole = bytes.subarray(0, end);
      const starts = [0, ...places.filter((at) => at < end).toSorted((a, b) => a - b), end];
      async function* chunks() {
        for (const [index, start] of starts.entries()) yield whole.subarray(start, starts[index + 1] ?? end);
      }
      try {
        for await (const { path, content } of readTar(chunks())) {
          expect(path.split('/')).not.toContain('..');
          expect(path.startsWith('/')).toBe(false);
          let bytesRead = 0;
          for await (const chunk of content) bytesRead += chunk.length;
          expect(bytesRead).toBeLessThanOrEqual(end);
        }
      } catch (error) {
        if (!(error instanceof RefusedImage)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});

test("an image's name in full means the same image", () => {
  const letters = fc.constantFrom(...'abcz019.-_/:@A'.split(''));
  const texts = fc.oneof(fc.string({ unit: letters, maxLength: 40 }), fc.string());
  fc.assert(
    fc.property(texts, (text) => {
      const reference = parseImageReference(text);
      if (reference === undefined) return;
      const again = parseImageReference(formatImageReference(reference));
      const { tag, digest } = reference;
      expect(again).toEqual(
        tag === undefined && digest === undefined ? { ...reference, tag: 'latest' } : reference,
      );
    }),
    { numRuns: 20_000 },
  );
});
