import { z } from 'zod';
import { fields } from '../model/schema.ts';

/** What a stream of bytes from or to a machine may be opened to; the machine's device has it. */
export const streamTarget = z.discriminatedUnion('kind', [
  /** The serial console, beginning with the end of what the guest wrote before. */
  fields({ kind: z.literal('console') }),
  /** The display, by the RFB protocol; who has it is sent away, unless that is to be preserved. */
  fields({ kind: z.literal('vnc'), preserveSession: z.boolean() }),
  /** The display as it is now, as a PNG. */
  fields({ kind: z.literal('screenshot') }),
  /** A port of the guest. Over UDP each message is a datagram. */
  fields({ kind: z.literal('port'), port: z.int().min(1).max(65_535), protocol: z.enum(['TCP', 'UDP']) }),
  /** What the guest wrote to its serial console, as far as the box has kept it. */
  fields({
    kind: z.literal('log'),
    /** What was written in the last so many seconds. */
    sinceSeconds: z.int().min(0).optional(),
    /** The last so many lines of it. */
    tailLines: z.int().min(0).optional(),
    /** What is written from then on too, until one of both sides hangs up. */
    follow: z.boolean(),
    /** Each line after the time by which it had been written, as the box saw it. */
    timestamps: z.boolean(),
  }),
]);
export type StreamTarget = z.infer<typeof streamTarget>;

/** Where a device dials for one stream, and what it proves there: once, and before the request's deadline. */
export const streamDial = fields({
  /** The hub's host as devices reach it; left out where that is the one at which the device meets its broker. */
  host: z.string().optional(),
  port: z.int().min(1).max(65_535),
  /** Over TLS. */
  secure: z.boolean(),
  /** With a slash in front. */
  path: z.string(),
  secret: z.string(),
});
export type StreamDial = z.infer<typeof streamDial>;
