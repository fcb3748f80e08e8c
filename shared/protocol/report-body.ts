import { gunzipSync, gzipSync } from 'node:zlib';
import type { Validated } from '../model/validate.ts';
import { validate } from '../model/validate.ts';
import type { ReportBody } from './messages.ts';
import { packedBody, reportBody } from './messages.ts';

/** A body longer than this travels packed; what packs worse than to a message's size can't be sent. */
const LONGEST_PLAIN_BYTES = 32 * 1024;
/** The largest text taken: a body that unpacks to more is an attack or a bug. */
const LARGEST_TEXT_BYTES = 16 * 1024 * 1024;

/** A body's JSON as it goes into a report. */
export function packBody(text: string): unknown {
  if (Buffer.byteLength(text) <= LONGEST_PLAIN_BYTES) return JSON.parse(text) as unknown;
  return { kind: 'packed', content: gzipSync(text).toString('base64') };
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
