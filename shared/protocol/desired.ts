import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { canonicalJson } from '../base/canonical-json.ts';
import { fields } from '../model/schema.ts';
import type { Validated } from '../model/validate.ts';
import { validate } from '../model/validate.ts';
import type { DesiredMessage } from './messages.ts';
import { LARGEST_PAYLOAD_BYTES } from './messages.ts';

/**
 * The desired document of one device: a text of canonical JSON, known by its SHA-256, that travels compressed
 * and in parts. Each machine in it is checked on its own later, so that one that an older agent can't read
 * does not keep it from the others.
 */

export const desiredDocument = fields({
  device: z.string(),
  generation: z.int().min(1),
  machines: z.array(z.record(z.string(), z.unknown())),
});
export type DesiredDocument = z.infer<typeof desiredDocument>;

/** Room for the envelope around a part, and base64 makes three bytes four characters. */
const PART_BYTES = Math.floor(((LARGEST_PAYLOAD_BYTES - 1024) * 3) / 4);
/** The largest text taken: a part that unpacks to more is an attack or a bug. */
const LARGEST_TEXT_BYTES = 64 * 1024 * 1024;

export function hashText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function encodeDesired(document: DesiredDocument): { text: string; hash: string } {
  const text = canonicalJson(document);
  return { text, hash: hashText(text) };
}

export function splitDesired(generation: number, hash: string, text: string): DesiredMessage[] {
  const packed = gzipSync(text);
  const parts = Math.max(1, Math.ceil(packed.length / PART_BYTES));
  return Array.from({ length: parts }, (_, part) => ({
    generation,
    hash,
    part,
    parts,
    content: packed.subarray(part * PART_BYTES, (part + 1) * PART_BYTES).toString('base64'),
  }));
}

/** Puts the parts of one document together again; parts of a newer document displace those of an older one. */
export function createDesiredAssembler() {
  let current: { hash: string; generation: number; contents: (string | undefined)[] } | undefined;
  return {
    /** Which parts are there of the document that is coming in, if one is. */
    partial(): { hash: string; parts: number[] } | undefined {
      if (current === undefined) return undefined;
      const parts = [...current.contents.keys()].filter((part) => current?.contents[part] !== undefined);
      return { hash: current.hash, parts };
    },
    /** The whole text once its last part is in, undefined before; or what is wrong with it. */
    add(message: DesiredMessage): Validated<string> | undefined {
      if (current?.hash !== message.hash || current.contents.length !== message.parts) {
        if (current !== undefined && message.generation < current.generation) return undefined;
        const contents = Array.from<string | undefined>({ length: message.parts });
        current = { hash: message.hash, generation: message.generation, contents };
      }
      if (message.part >= message.parts) return refused(`part ${message.part} of ${message.parts}`);
      current.contents[message.part] = message.content;
      if (current.contents.includes(undefined)) return undefined;
      const packed = Buffer.concat(current.contents.map((content) => Buffer.from(content ?? '', 'base64')));
      current = undefined;
      return unpack(packed, message.hash);
    },
  };
}

function unpack(packed: Buffer, hash: string): Validated<string> {
  let text: string;
  try {
    text = gunzipSync(packed, { maxOutputLength: LARGEST_TEXT_BYTES }).toString('utf8');
  } catch (error) {
    return refused(`can't be unpacked: ${String(error)}`);
  }
  return hashText(text) === hash ? { ok: true, value: text } : refused('its text does not have its hash');
}

export function parseDesired(text: string): Validated<DesiredDocument> {
  try {
    return validate(desiredDocument, JSON.parse(text));
  } catch {
    return refused('is not JSON');
  }
}

function refused(message: string): Validated<never> {
  return {
    ok: false,
    causes: [{ field: '', reason: 'FieldValueInvalid', message: `desired document: ${message}` }],
  };
}
