import { z } from 'zod';
import { deviceFacts, deviceMetrics } from '../model/device.ts';
import { ORDERS, machineStatus, machineUid } from '../model/machine.ts';
import { fields, timestamp } from '../model/schema.ts';
import type { Validated } from '../model/validate.ts';
import { validate } from '../model/validate.ts';
import { streamDial, streamTarget } from './streams.ts';

/** Every message of the link: JSON in UTF-8, one schema each, unknown fields refused. */

/** The largest payload either side sends, in bytes: what the smallest cloud broker takes, halved. */
export const LARGEST_PAYLOAD_BYTES = 64 * 1024;

const epoch = z.guid();
const sequence = z.int().min(0);
const connection = z.int();

/**
 * A point in time as a device has it: by its clock, which may be wrong and may jump, and by its monotonic clock, in
 * milliseconds since `bootId`'s boot.
 */
const moment = { monotonicMs: z.number(), bootId: z.string() };
/** When a message was sent, by its device: with the hub's time of receipt it tells how far off that clock is. */
const sent = fields({ time: timestamp, ...moment });
export type Sent = z.infer<typeof sent>;

/** What tells one box from another that says it is the same device. */
const boxIdentity = fields({
  hostname: z.string(),
  serial: z.string().optional(),
  addresses: z.array(z.string()),
});
export type BoxIdentity = z.infer<typeof boxIdentity>;

/**
 * Device to hub, on every connect and now and then. It is in the form of the lowest version that the device speaks;
 * what follows is in the form of the version that the hub's welcome names.
 */
export const helloMessage = fields({
  protocol: fields({ min: z.int(), max: z.int() }),
  agentVersion: z.string(),
  /** Made with the agent's store: another epoch is another store. */
  epoch,
  /** Rises by one with each connect of a store. */
  connection,
  /** Of the desired document that the device holds; 0 and '' where it has none. */
  generation: z.int(),
  hash: z.string(),
  /** Parts of a newer document that came before the last connection was lost: they need not be sent again. */
  partial: fields({ hash: z.string(), parts: z.array(z.int()) }).optional(),
  /** The highest report that the device knows to be stored at the hub. */
  acknowledged: sequence,
  /** The number that the next report to be numbered gets. */
  next: z.int().min(1),
  sent,
  box: boxIdentity,
});
export type HelloMessage = z.infer<typeof helloMessage>;

/** The last will, and a goodbye: this connection is over. */
export const goneMessage = fields({ epoch, connection });
export type GoneMessage = z.infer<typeof goneMessage>;

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
    kind: z.enum(['VirtualMachine', 'VirtualMachineInstance', 'DataVolume']),
  }).optional(),
});
export type EventBody = z.infer<typeof eventBody>;

export const reportBody = z.discriminatedUnion('kind', [
  eventBody,
  fields({ kind: z.literal('machine'), status: machineStatus }),
  fields({ kind: z.literal('device'), facts: deviceFacts }),
  fields({ kind: z.literal('metrics'), metrics: deviceMetrics }),
  /** The device holds this desired document, or could not take it, for these reasons. */
  fields({ kind: z.literal('desired'), generation: z.int(), problems: z.array(z.string()) }),
  /** An entry of the desired document that the device holds, told to a hub that asked for all it knows. */
  fields({
    kind: z.literal('held'),
    generation: z.int(),
    entry: z.record(z.string(), z.unknown()),
    /** What the device last said of the machine, where it has said anything. */
    status: machineStatus.optional(),
  }),
  /** All of that has been told: these machines, each in a `held` report before this one. */
  fields({ kind: z.literal('told'), generation: z.int(), machines: z.array(machineUid) }),
]);
export type ReportBody = z.infer<typeof reportBody>;

/** In place of a body that would not fit a message: its JSON, gzipped, in base64. */
export const packedBody = fields({ kind: z.literal('packed'), content: z.string() });

/**
 * The body is checked apart, so that one that a hub of another version can't read holds up no other: it is kept
 * as it came.
 */
export const report = fields({
  sequence: z.int().min(1),
  /** When it happened, by the device's clock. */
  happenedAt: timestamp,
  ...moment,
  body: z.unknown(),
});
export type Report = z.infer<typeof report>;

/** Device to hub: reports in sequence, without a gap. */
export const reportMessage = fields({ epoch, connection, sent, reports: z.array(report).min(1) });
export type ReportMessage = z.infer<typeof reportMessage>;

/** Hub to device, on the channel `ack`. */
export const ackMessage = z.discriminatedUnion('kind', [
  /** Every report up to `sequence` is committed. */
  fields({ kind: z.literal('ack'), epoch, sequence }),
  /** The answer to hello. */
  fields({
    kind: z.literal('welcome'),
    epoch,
    connection,
    /** The version that both speak from here on. */
    protocol: z.int(),
    sequence,
    /** The hub's time. */
    time: timestamp,
    /** After a lost link, to be waited for a random part of this before connecting again. */
    spreadMs: z.int().min(0),
    /** The hub knows less than it did: the device is to report all that it holds and all that is the case. */
    tellAll: z.boolean(),
  }),
  /** The hub has more to do than it can: hello is to be said again after this time, on the same connection. */
  fields({ kind: z.literal('later'), epoch, connection, delayMs: z.int().min(0) }),
  /**
   * This is no device's one stream of reports any more, since the store was copied or set back: the device is to
   * make a new epoch, number what waits anew, and say hello again. Its own reports are committed up to `sequence`,
   * where that is known.
   */
  fields({
    kind: z.literal('renew'),
    epoch,
    connection,
    sequence: sequence.optional(),
    message: z.string(),
  }),
  /** The device is not taken in, for this reason; to be tried again after this time. */
  fields({
    kind: z.literal('refused'),
    epoch,
    connection,
    reason: z.string(),
    message: z.string(),
    delayMs: z.int().min(0),
  }),
]);
export type AckMessage = z.infer<typeof ackMessage>;
export type Welcome = Extract<AckMessage, { kind: 'welcome' }>;

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

/** What a hub may ask of a device. */
export const requestBody = z.discriminatedUnion('verb', [
  /** To be answered, no more. */
  fields({ verb: z.literal('ping') }),
  fields({
    verb: z.enum(ORDERS),
    machine: z.string(),
    reason: z.string(),
    /** What the guest may take to shut down, in place of what its description says. */
    gracePeriodSeconds: z.int().min(0).optional(),
    /** With `start`: the next run begins held. */
    paused: z.boolean().optional(),
  }),
  /** What a guest says of itself: its agent is asked. The answer is in the response's `content`. */
  fields({ verb: z.literal('read-guest'), machine: z.string() }),
  /** A stream is to be opened and brought to the hub, which knows by its arrival that it was. */
  fields({
    verb: z.literal('open-stream'),
    machine: z.string(),
    target: streamTarget,
    dial: streamDial,
  }),
  /** The guest's file systems are to be frozen, and thawed by the device itself after that time where it is not 0. */
  fields({ verb: z.literal('freeze'), machine: z.string(), thawAfterSeconds: z.int().min(0) }),
  fields({ verb: z.literal('unfreeze'), machine: z.string() }),
]);
export type RequestBody = z.infer<typeof requestBody>;

/** Hub to device. One `id` is carried out once, however often it comes, and not after `expiresAt` (the hub's time). */
export const requestMessage = fields({ id: z.guid(), expiresAt: timestamp, body: z.unknown() });
export type RequestMessage = z.infer<typeof requestMessage>;

/** Device to hub: what came of a request. */
export const responseMessage = fields({
  id: z.guid(),
  outcome: z.enum(['done', 'failed']),
  /** A CamelCase word and a sentence. */
  reason: z.string(),
  message: z.string(),
  /** What was asked for, where it was more than to be done. */
  content: z.record(z.string(), z.unknown()).optional(),
});
export type ResponseMessage = z.infer<typeof responseMessage>;

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
