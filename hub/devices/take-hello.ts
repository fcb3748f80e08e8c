import { canonicalJson } from '../../shared/base/canonical-json.ts';
import type { AckMessage, HelloMessage } from '../../shared/protocol/messages.ts';
import { chooseVersion, PROTOCOL } from '../../shared/protocol/version.ts';
import type { DeviceRow, StreamRow } from '../ports.ts';
import type { Batch } from './batch.ts';
import { clockAheadMs } from './device-clock.ts';
import type { BootsSeen } from './see-boot.ts';
import { seeBoot } from './see-boot.ts';

/** How long a device waits that this hub can't speak with. */
const REFUSED_DELAY_MS = 5 * 60_000;

/** What a hello led to: what to answer, and what to do. */
export interface Greeting {
  readonly answer: Exclude<AckMessage, { kind: 'ack' | 'later' | 'welcome' }> | WelcomeDraft;
  /** What the hub knows of the device is not what it was. */
  readonly changed: boolean;
  /** The device does not have its newest document. */
  readonly sendDesired: boolean;
  /** Another box has its name. */
  readonly isDuplicate: boolean;
}
export type WelcomeDraft = Omit<Extract<AckMessage, { kind: 'welcome' }>, 'time' | 'spreadMs'>;

/** Takes a device's hello in: who it is, what it holds, and where its reports stand. */
export function takeHello(batch: Batch, name: string, hello: HelloMessage, nowMs: number): Greeting {
  const { epoch, connection } = hello;
  const protocol = chooseVersion(PROTOCOL, hello.protocol);
  if (protocol === undefined) return refuse(batch, name, hello, nowMs);

  const before = batch.device(name);
  const stream = batch.stream(name, epoch);
  const acknowledged = Math.max(stream?.acknowledged ?? 0, hello.acknowledged);
  const seen = seeBoot(before, hello, nowMs);
  const copied = describeCopy(hello, seen, stream);
  if (copied !== undefined) {
    if (before !== undefined) batch.putDevice({ ...before, ...seen.identity });
    const answer = { kind: 'renew', epoch, connection, message: copied } as const;
    return { answer, changed: true, sendDesired: false, isDuplicate: true };
  }
  // A late hello says nothing of how the device is now. It is answered all the same: it may be of a store that was
  // set back, and what is committed and desired is true whoever asks.
  const isOutdated = isOlder(hello, before);
  const current =
    isOutdated && before !== undefined
      ? { ...before, ...seen.identity }
      : { ...greet(name, hello, protocol, before, stream, nowMs), ...seen.identity };
  batch.putDevice(current);
  if (!isOutdated && (current.presence !== before?.presence || current.epoch !== before.epoch))
    noteConnected(batch, current, nowMs);
  batch.putStream({ device: name, epoch, acknowledged, heardAtMs: nowMs });
  return {
    answer: {
      kind: 'welcome',
      epoch,
      connection,
      protocol,
      sequence: acknowledged,
      tellAll: current.untold,
    },
    changed: !isOutdated && differs(before, current),
    isDuplicate: current.duplicateSinceMs !== undefined,
    sendDesired: current.desiredHash !== '' && current.desiredHash !== hello.hash,
  };
}

/** Whether more changed than when the device was heard. */
function differs(before: DeviceRow | undefined, after: DeviceRow): boolean {
  const rest = (row: DeviceRow) => canonicalJson({ ...row, boots: row.boots.map(({ bootId }) => bootId) });
  return before === undefined || rest(before) !== rest(after);
}

/** A version that the two don't share: said to the device, and to whoever looks at it here. */
function refuse(batch: Batch, name: string, hello: HelloMessage, nowMs: number): Greeting {
  const { epoch, connection, protocol } = hello;
  const message =
    `the agent (version ${hello.agentVersion}) speaks protocol ${protocol.min} to ${protocol.max}, this hub ` +
    `${PROTOCOL.min} to ${PROTOCOL.max}: update the older of the two`;
  const before = batch.device(name);
  const row = greet(name, hello, 0, before, batch.stream(name, epoch), nowMs);
  const refusal = { reason: 'ProtocolMismatch', message };
  batch.putDevice({
    ...(before ?? row),
    agentVersion: hello.agentVersion,
    presence: 'disconnected',
    refusal,
  });
  const answer = { kind: 'refused', epoch, connection, ...refusal, delayMs: REFUSED_DELAY_MS } as const;
  return { answer, changed: true, sendDesired: false, isDuplicate: false };
}

/**
 * Why a device's stream of reports is not its own alone any more, or undefined where it is. Going on with it, reports
 * of one box would be taken for those of the other, and lost.
 */
function describeCopy(
  { next }: HelloMessage,
  { isCopy }: BootsSeen,
  stream: StreamRow | undefined,
): string | undefined {
  if (stream !== undefined && stream.acknowledged >= next) {
    return `the hub has reports up to ${stream.acknowledged}, and the device's next is ${next}: its store was set back or copied`;
  }
  return isCopy ? 'two boxes say hello with one store: its disk was copied' : undefined;
}

/**
 * Whether a hello is of an older connection than the one that is up: it is late, or the device's store was set back
 * to an older state before the hub noticed that the link was down. With no connection up, whoever says hello is the
 * device as it is now: one client's messages come in order, so nothing late follows the end of a newer connection.
 */
function isOlder({ epoch, connection }: HelloMessage, before: DeviceRow | undefined): boolean {
  return before?.epoch === epoch && connection < before.connection && before.presence === 'connected';
}

/** The device's row after its hello. A device that is ahead (the hub was restored) raises the hub's own numbers. */
function greet(
  name: string,
  hello: HelloMessage,
  protocol: number,
  before: DeviceRow | undefined,
  stream: StreamRow | undefined,
  nowMs: number,
): DeviceRow {
  const { epoch, connection, generation, hash, agentVersion, sent } = hello;
  const isSame = before?.epoch === epoch && before.presence === 'connected';
  const isAhead =
    generation > (before?.generation ?? 0) ||
    (generation === before?.generation && generation > 0 && hash !== before.desiredHash);
  const knowsMore = isAhead || hello.acknowledged > (stream?.acknowledged ?? 0);
  const aheadMs = before?.boots[0]?.bootId === sent.bootId ? before.clockAheadMs : undefined;
  return {
    name,
    epoch,
    connection,
    protocol,
    agentVersion,
    presence: 'connected',
    presenceSinceMs: isSame ? before.presenceSinceMs : nowMs,
    generation: Math.max(before?.generation ?? 0, generation),
    // Without a document of that generation here, the next one is made above it.
    desiredHash: isAhead ? '' : (before?.desiredHash ?? ''),
    heldGeneration: generation,
    problems: before?.epoch === epoch ? before.problems : [],
    ...(before?.facts !== undefined && { facts: before.facts }),
    ...(before?.metrics !== undefined && { metrics: before.metrics }),
    clockAheadMs: clockAheadMs(aheadMs, sent, nowMs),
    untold: knowsMore || (before?.untold ?? false),
    boots: [],
    returns: 0,
  };
}

function noteConnected(batch: Batch, row: DeviceRow, nowMs: number): void {
  batch.note({
    device: row.name,
    kind: 'link',
    type: 'Normal',
    reason: 'Connected',
    message: `connected; it holds generation ${row.heldGeneration} of ${row.generation}`,
    happenedAtMs: nowMs,
    learnedAtMs: nowMs,
    epoch: row.epoch,
  });
}
