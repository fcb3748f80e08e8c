import { z } from 'zod';
import { deviceFacts } from '../model/device.ts';
import { machineStatus } from '../model/machine.ts';
import { fields, timestamp } from '../model/schema.ts';
import type { Validated } from '../model/validate.ts';
import { validate } from '../model/validate.ts';

/** Every message of the link: JSON in UTF-8, one schema each, unknown fields refused. */

export const PROTOCOL_VERSION = 1;

/** The largest payload either side sends, in bytes: what the smallest cloud broker takes, halved. */
export const LARGEST_PAYLOAD_BYTES = 64 * 1024;

const epoch = z.guid();
const sequence = z.int().min(0);

/** Device to hub, on every connect. */
export const helloMessage = fields({
  protocol: fields({ min: z.int(), max: z.int() }),
  agentVersion: z.string(),
  /** Made with the agent's store: another epoch is another store. */
  epoch,
  /** Rises by one with each connect of a store. */
  connection: z.int(),
  /** Of the desired document that the device holds; 0 and '' where it has none. */
  generation: z.int(),
  hash: z.string(),
  /** The highest report that the device knows to be stored at the hub. */
  acknowledged: sequence,
});
export type HelloMessage = z.infer<typeof helloMessage>;

/** The last will, and a goodbye: this connection is over. */
export const goneMessage = fields({ epoch, connection: z.int() });
export type GoneMessage = z.infer<typeof goneMessage>;

const reportTimes = {
  /** When it happened, by the device's clock. */
  happenedAt: timestamp,
  /** The same by the device's monotonic clock, in milliseconds since `bootId`'s boot. */
  monotonicMs: z.number(),
  bootId: z.string(),
};

/** Something that happened to a machine, or to the device itself where `machine` is left out. */
export const eventBody = fields({
  kind: z.literal('event'),
  type: z.enum(['Normal', 'Warning']),
  reason: z.string(),
  message: z.string(),
  machine: fields({
    uid: z.string(),
    namespace: z.string(),
    name: z.string(),
    kind: z.enum(['VirtualMachine', 'VirtualMachineInstance']),
  }).optional(),
});
export type EventBody = z.infer<typeof eventBody>;

export const reportBody = z.discriminatedUnion('kind', [
  eventBody,
  fields({ kind: z.literal('machine'), status: machineStatus }),
  fields({ kind: z.literal('device'), facts: deviceFacts }),
  /** The device holds this desired document, or could not take it, for these reasons. */
  fields({ kind: z.literal('desired'), generation: z.int(), problems: z.array(z.string()) }),
]);
export type ReportBody = z.infer<typeof reportBody>;

/**
 * The body is checked apart, so that one that a hub of another version can't read holds up no other: it is kept
 * as it came.
 */
export const report = fields({ sequence: z.int().min(1), ...reportTimes, body: z.unknown() });
export type Report = z.infer<typeof report>;

/** Device to hub: reports in sequence, without a gap. */
export const reportMessage = fields({ epoch, reports: z.array(report).min(1) });
export type ReportMessage = z.infer<typeof reportMessage>;

/** Hub to device: every report up to `sequence` is committed. */
export const ackMessage = fields({ epoch, sequence });
export type AckMessage = z.infer<typeof ackMessage>;

/** Hub to device: one part of a desired document. */
export const desiredMessage = fields({
  generation: z.int().min(1),
  /** SHA-256 of the whole document's text, in hexadecimal. */
  hash: z.string(),
  part: z.int().min(0),
  parts: z.int().min(1).max(4096),
  /** This part of the gzipped text, in base64. */
  content: z.string(),
});
export type DesiredMessage = z.infer<typeof desiredMessage>;

export function encodeMessage(message: object): Buffer {
  return Buffer.from(JSON.stringify(message));
}

/** Reads a payload as a message of `schema`; never throws. */
export function decodeMessage<T>(schema: z.ZodType<T>, payload: Uint8Array): Validated<T> {
  try {
    return validate(schema, JSON.parse(Buffer.from(payload).toString('utf8')));
  } catch {
    return { ok: false, causes: [{ field: '', reason: 'FieldValueInvalid', message: 'is not JSON' }] };
  }
}
