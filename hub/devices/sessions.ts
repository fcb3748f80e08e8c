import { messageOf } from '../../shared/base/errors.ts';
import { formatCauses } from '../../shared/model/validate.ts';
import { splitDesired } from '../../shared/protocol/desired.ts';
import type { GoneMessage, HelloMessage, ReportMessage } from '../../shared/protocol/messages.ts';
import {
  decodeMessage,
  encodeMessage,
  goneMessage,
  helloMessage,
  PROTOCOL_VERSION,
  reportMessage,
} from '../../shared/protocol/messages.ts';
import type { DeviceChannel } from '../../shared/protocol/topics.ts';
import type { Clock, Log, Random } from '../../shared/ports.ts';
import type { Broker, DeviceRow, Store } from '../ports.ts';
import { ensureDevice } from './ensure-device.ts';
import { takeReport } from './take-report.ts';

/** How many messages of one device wait at most; what is beyond that is sent again by the device. */
const MOST_WAITING = 100;

export interface Sessions {
  /** A message came in from a device. Each device's are taken one after the other, apart from all others'. */
  receive(device: string, channel: DeviceChannel, payload: Uint8Array): void;
  /** Sends a device its newest desired document, if it is connected. */
  publishDesired(device: string): void;
  /** Resolves once everything that came in is done with. */
  settle(): Promise<void>;
}

interface SessionsOptions {
  readonly store: Store;
  readonly broker: Pick<Broker, 'publish'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called with a device whose session, or whose machines' reports, changed. */
  readonly changed: (device: string) => void;
}

/** The hub's end of every device's link: hello, reports, presence and the way out of desired documents. */
export function createSessions({ store, broker, clock, random, log, changed }: SessionsOptions): Sessions {
  const queues = new Map<string, { last: Promise<void>; waiting: number }>();

  function enqueue(device: string, work: () => Promise<void>): void {
    const queue = queues.get(device) ?? { last: Promise.resolve(), waiting: 0 };
    if (queue.waiting >= MOST_WAITING) return log.warn({ device }, 'too many messages wait: one was dropped');
    queues.set(device, queue);
    queue.waiting += 1;
    queue.last = queue.last
      .then(work)
      .catch((error: unknown) =>
        log.error({ device, error: messageOf(error) }, 'a message could not be taken'),
      )
      .finally(() => {
        queue.waiting -= 1;
        if (queue.waiting === 0) queues.delete(device);
      });
  }

  async function take(device: string, channel: DeviceChannel, payload: Uint8Array): Promise<void> {
    const refuse = (problem: string) => log.warn({ device, channel, problem }, 'a message was refused');
    switch (channel) {
      case 'hello': {
        const hello = decodeMessage(helloMessage, payload);
        return hello.ok ? takeHello(device, hello.value) : refuse(formatCauses(hello.causes));
      }
      case 'report': {
        const reports = decodeMessage(reportMessage, payload);
        return reports.ok ? takeReports(device, reports.value) : refuse(formatCauses(reports.causes));
      }
      case 'gone': {
        const gone = decodeMessage(goneMessage, payload);
        return gone.ok ? takeGone(device, gone.value) : refuse(formatCauses(gone.causes));
      }
      case 'response':
        return refuse('nothing was asked');
    }
  }

  async function takeHello(device: string, hello: HelloMessage): Promise<void> {
    const { min, max } = hello.protocol;
    if (min > PROTOCOL_VERSION || max < PROTOCOL_VERSION) {
      return log.error(
        { device, hello },
        `the agent speaks protocol ${min} to ${max}, this hub ${PROTOCOL_VERSION}`,
      );
    }
    const { row, isNews } = await store.transaction(async ({ devices, objects }) => {
      const before = await devices.get(device);
      if (before !== undefined && isOutdated(hello, before)) return { row: before, isNews: false };
      const after = greet(device, hello, before, clock.now());
      await devices.put(after);
      await ensureDevice(objects, device, { uid: random.uuid(), nowMs: clock.now() });
      return { row: after, isNews: true };
    });
    if (isNews) changed(device);
    else log.warn({ device, connection: hello.connection }, 'a hello of an older connection changed nothing');
    await acknowledge(row);
    if (row.desiredHash !== '' && row.desiredHash !== hello.hash) await sendDesired(row);
  }

  async function takeReports(device: string, { epoch, reports }: ReportMessage): Promise<void> {
    const row = await store.transaction(async (tables) => {
      const before = await tables.devices.get(device);
      // Reports of a store that has not said hello belong to nobody yet: the device will, and send them again.
      if (before === undefined || before.epoch !== epoch) return undefined;
      // Its object may just have been deleted, and what is reported of the device is kept there.
      await ensureDevice(tables.objects, device, { uid: random.uuid(), nowMs: clock.now() });
      let after: DeviceRow = { ...before, reportedAtMs: clock.now() };
      for (const report of reports) {
        if (report.sequence <= after.acknowledged) continue;
        if (report.sequence > after.acknowledged + 1) break;
        after = await takeReport(tables, { ...after, acknowledged: report.sequence }, report);
      }
      await tables.devices.put(after);
      return after;
    });
    if (row === undefined) return;
    await acknowledge(row);
    changed(device);
  }

  async function takeGone(device: string, { epoch, connection }: GoneMessage): Promise<void> {
    const isNews = await store.transaction(async ({ devices }) => {
      const row = await devices.get(device);
      if (row === undefined || row.epoch !== epoch || connection < row.connection) return false;
      await devices.put({ ...row, presence: 'disconnected', presenceSinceMs: clock.now() });
      return true;
    });
    if (isNews) changed(device);
  }

  async function acknowledge({ name, epoch, acknowledged }: DeviceRow): Promise<void> {
    await broker.publish(name, 'ack', encodeMessage({ epoch, sequence: acknowledged }));
  }

  async function sendDesired({ name, generation, desiredHash, desiredText }: DeviceRow): Promise<void> {
    for (const part of splitDesired(generation, desiredHash, desiredText)) {
      await broker.publish(name, 'desired', encodeMessage(part));
    }
  }

  return {
    receive: (device, channel, payload) => enqueue(device, () => take(device, channel, payload)),
    publishDesired: (device) =>
      enqueue(device, async () => {
        const row = await store.transaction(({ devices }) => devices.get(device));
        if (row?.presence === 'connected' && row.desiredHash !== '') await sendDesired(row);
      }),
    async settle() {
      await Promise.all([...queues.values()].map(({ last }) => last));
    },
  };
}

/**
 * Whether a hello is of an older connection than the one that is up, and so says nothing of how the device is now.
 * It is late, or the device's store was set back to an older state before the hub noticed that the link was down;
 * which of the two can't be told. So its presence and numbers are left as they are, but it is answered: what is
 * committed and what is desired are true of the device whoever asks, one that has them already ignores them, and
 * one that was set back would hang without. With no connection up, whoever says hello is the device as it is now:
 * one client's messages come in order, so nothing late follows the end of a newer connection.
 */
function isOutdated({ epoch, connection }: HelloMessage, row: DeviceRow): boolean {
  return row.epoch === epoch && connection < row.connection && row.presence === 'connected';
}

/** The device's row after its hello. A device that is ahead (the hub was restored) raises the hub's own numbers. */
function greet(name: string, hello: HelloMessage, before: DeviceRow | undefined, nowMs: number): DeviceRow {
  const { epoch, connection, acknowledged, generation, hash } = hello;
  const sameStore = before?.epoch === epoch;
  const isBehind =
    generation > (before?.generation ?? 0) ||
    (generation === before?.generation && hash !== before.desiredHash);
  return {
    name,
    epoch,
    connection,
    acknowledged: sameStore ? Math.max(before.acknowledged, acknowledged) : acknowledged,
    presence: 'connected',
    presenceSinceMs: before?.presence === 'connected' && sameStore ? before.presenceSinceMs : nowMs,
    generation: Math.max(before?.generation ?? 0, generation),
    // Without a document of that generation here, the next one is made above it.
    desiredText: isBehind ? '' : (before?.desiredText ?? ''),
    desiredHash: isBehind ? '' : (before?.desiredHash ?? ''),
    heldGeneration: generation,
    problems: sameStore ? before.problems : [],
    reportedAtMs: nowMs,
  };
}
