import { gunzipSync, gzipSync } from 'node:zlib';
import type { Validated } from '../model/validate.ts';
import { validate } from '../model/validate.ts';
import type { EventBody, ReportBody } from './messages.ts';
import { LARGEST_PAYLOAD_BYTES, packedBody, reportBody } from './messages.ts';

/** A body longer than this travels packed, where that makes it shorter. */
const LONGEST_PLAIN_BYTES = 32 * 1024;
/** The longest body that can be sent, as it is sent: there is room for the envelopes around it. */
export const LARGEST_BODY_BYTES = LARGEST_PAYLOAD_BYTES - 2048;
/** The largest text taken: a body that unpacks to more is an attack or a bug. */
const LARGEST_TEXT_BYTES = 16 * 1024 * 1024;

/**
 * A body's JSON as it is sent. One that fits into no message must not hold up those behind it: an event says so in
 * its place, by what it is about.
 */
export function compileBody(subject: string, body: ReportBody): string {
  const text = JSON.stringify(body);
  const plainBytes = Buffer.byteLength(text);
  if (plainBytes <= LONGEST_PLAIN_BYTES) return text;
  const packed = JSON.stringify({ kind: 'packed', content: gzipSync(text).toString('base64') });
  const packs = packed.length < plainBytes && plainBytes <= LARGEST_TEXT_BYTES;
  const sent = packs ? packed : text;
  const bytes = packs ? packed.length : plainBytes;
  return bytes <= LARGEST_BODY_BYTES ? sent : JSON.stringify(tooLarge(subject, bytes));
}

function tooLarge(subject: string, bytes: number): EventBody {
  const message = `the report of ${subject} can't be sent: it takes ${bytes} bytes, and a message holds ${LARGEST_BODY_BYTES}`;
  return { kind: 'event', type: 'Warning', reason: 'ReportTooLarge', message };
}

/** A report's body, unpacked where it is packed; never throws. */
export function parseBody(given: unknown): Validated<ReportBody> {
  const packed = packedBody.safeParse(given);
  return validate(reportBody, packed.success ? unpack(packed.data.content) : given);
}

/** Undefined, which no schema takes, where it can't be unpacked. */
function unpack(content: string): unknown {
  try {
    const text = gunzipSync(Buffer.from(content, 'base64'), { maxOutputLength: LARGEST_TEXT_BYTES });
    return JSON.parse(text.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
