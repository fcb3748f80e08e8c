import { messageOf } from '../../shared/base/errors.ts';
import { formatTime } from '../../shared/base/time.ts';
import type { Clock, Log } from '../../shared/ports.ts';
import { formatCauses } from '../../shared/model/validate.ts';
import type { AckMessage, GoneMessage, HelloMessage, ReportMessage } from '../../shared/protocol/messages.ts';
import {
  decodeMessage,
  goneMessage,
  helloMessage,
  reportMessage,
  responseMessage,
} from '../../shared/protocol/messages.ts';
import type { DeviceChannel } from '../../shared/protocol/topics.ts';
import type { Random } from '../../shared/ports.ts';
import type { Broker, Store } from '../ports.ts';
import type { Batch } from './batch.ts';
import { createComplaints } from './complaints.ts';
import { createCourier } from './courier.ts';
import { ensureDevice } from './ensure-device.ts';
import { createIntake } from './intake.ts';
import { spreadMs } from './pace.ts';
import type { Presence } from './presence.ts';
import type { Requests } from './requests.ts';
import { createRequests } from './requests.ts';
import { takeGone } from './take-gone.ts';
import { takeHello } from './take-hello.ts';
import { takeReports } from './take-reports.ts';

/** How long a device waits before it says again what there was no room for. */
const LATER_MS = 5_000;
/** How long one of two boxes of one name may take to follow the other on the link. */
const TAKEOVER_MS = 10_000;

/** Who has to look after what a device said. */
export interface Heard {
  /** What is known of the device itself changed. */
  device(name: string): void;
  /** It reported of its machines. */
  machines(name: string): void;
  /** It told of events. */
  events(): void;
}

export interface Sessions {
  /** A message came in from a device. Each device's are taken one after the other, apart from all others'. */
  receive(device: string, channel: DeviceChannel, payload: Uint8Array): void;
  /** Sends a device its newest desired document, if it is connected. */
  publishDesired(device: string): void;
  /** Has a device that is connected tell all that it knows. */
  askAll(device: string): void;
  /** Asks every device that may be there to say hello, spread over what the hub can take. */
  callRoll(): void;
  readonly ask: Requests['ask'];
  /** Resolves once everything that came in is done with. */
  settle(): Promise<void>;
}

interface SessionsOptions {
  readonly store: Store;
  readonly broker: Pick<Broker, 'publish'>;
  readonly presence: Pick<Presence, 'heard' | 'gone' | 'count'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly heard: Heard;
}

/** The hub's end of every device's link: hello, reports, presence and the way out of desired documents. */
export function createSessions({
  store,
  broker,
  presence,
  clock,
  random,
  log,
  heard,
}: SessionsOptions): Sessions {
  const intake = createIntake({ store, clock, log });
  const complain = createComplaints(clock, log);
  const courier = createCourier({ broker, clock, log, findDocument });
  const requests = createRequests({
    clock,
    random,
    send: (device, request) => courier.send(device, 'request', request),
  });
  /** Ends of links that are waited with. */
  const waiting = new Set<() => void>();

  const answer = (device: string, message: AckMessage) => courier.send(device, 'ack', message);

  function findDocument(device: string) {
    return store.transaction(async ({ devices, documents }) => {
      const row = await devices.get(device);
      if (row?.presence !== 'connected' || row.untold || row.desiredHash === '') return undefined;
      return documents.get(device);
    });
  }

  async function greet(batch: Batch, device: string, hello: HelloMessage): Promise<() => void> {
    const nowMs = clock.now();
    const isNew = batch.device(device) === undefined;
    const greeting = takeHello(batch, device, hello, nowMs);
    if (isNew) await ensureDevice(batch.tables.objects, device, { uid: random.uuid(), nowMs });
    return () => {
      const { answer: draft, changed, sendDesired } = greeting;
      if (changed) heard.device(device);
      if (draft.kind !== 'welcome') {
        log.warn({ device, answer: draft.kind }, draft.message);
        return answer(device, draft);
      }
      presence.heard(device);
      const spread = spreadMs(presence.count(), greeting.isDuplicate);
      answer(device, { ...draft, time: formatTime(clock.now()), spreadMs: spread });
      courier.noteHeld(device, hello.generation);
      if (sendDesired) courier.sendDesired(device, hello.partial);
    };
  }

  async function file(batch: Batch, device: string, message: ReportMessage): Promise<() => void> {
    const taken = await takeReports(batch, device, message, clock.now());
    return () => {
      if (taken === undefined) return;
      const { epoch, acknowledged } = taken.stream;
      answer(device, { kind: 'ack', epoch, sequence: acknowledged });
      const row = batch.device(device);
      if (row !== undefined) courier.noteHeld(device, row.heldGeneration);
      if (taken.device) heard.device(device);
      if (taken.machines) heard.machines(device);
      if (taken.events) heard.events();
      if (taken.knowsMore) greetAgain(device, epoch, message.connection);
    };
  }

  async function part(batch: Batch, device: string, gone: GoneMessage): Promise<() => void> {
    const isNews = takeGone(batch, device, gone, clock.now());
    return () => {
      if (!isNews) return;
      presence.gone(device);
      courier.forget(device);
      heard.device(device);
    };
  }

  /** One of two boxes that take the link from each other is gone only where the other does not follow. */
  async function partLater(batch: Batch, device: string, gone: GoneMessage): Promise<() => void> {
    if (batch.device(device)?.duplicateSinceMs === undefined) return part(batch, device, gone);
    return () => {
      const cancel = clock.after(TAKEOVER_MS, () => {
        waiting.delete(cancel);
        intake.add({ device, bytes: 0, take: (later) => part(later, device, gone) });
      });
      waiting.add(cancel);
    };
  }

  /** Has a device say hello: the answer to that asks for all that it knows. */
  function greetAgain(device: string, epoch: string, connection: number): void {
    answer(device, { kind: 'later', epoch, connection, delayMs: 0 });
  }

  /** Asks for a message again, where there is no room for it. */
  function postpone(device: string, epoch: string, connection: number): void {
    complain(device, 'too many messages wait: one is asked for again later');
    answer(device, { kind: 'later', epoch, connection, delayMs: LATER_MS });
  }

  return {
    receive(device, channel, payload) {
      const refuse = (problem: string) => complain(device, 'a message was refused', { channel, problem });
      const bytes = payload.byteLength;
      switch (channel) {
        case 'hello': {
          const hello = decodeMessage(helloMessage, payload);
          if (!hello.ok) return refuse(formatCauses(hello.causes));
          const { epoch, connection } = hello.value;
          const take = (batch: Batch) => greet(batch, device, hello.value);
          if (!intake.add({ device, bytes, take })) postpone(device, epoch, connection);
          return;
        }
        case 'report': {
          const reports = decodeMessage(reportMessage, payload);
          if (!reports.ok) return refuse(formatCauses(reports.causes));
          const take = (batch: Batch) => file(batch, device, reports.value);
          const { epoch, connection } = reports.value;
          if (!intake.add({ device, bytes, take })) postpone(device, epoch, connection);
          return;
        }
        case 'gone': {
          const gone = decodeMessage(goneMessage, payload);
          if (!gone.ok) return refuse(formatCauses(gone.causes));
          const take = (batch: Batch) => partLater(batch, device, gone.value);
          // One that is lost is made up for: a device that is silent for too long counts as gone.
          if (!intake.add({ device, bytes, take })) complain(device, 'a last will was dropped');
          return;
        }
        case 'response': {
          const response = decodeMessage(responseMessage, payload);
          if (!response.ok) return refuse(formatCauses(response.causes));
          requests.take(device, response.value);
        }
      }
    },
    callRoll() {
      store
        .transaction(({ devices }) => devices.list())
        .then((rows) => {
          const spread = spreadMs(rows.length, false);
          for (const { name, epoch, connection } of rows) {
            const delayMs = Math.round(random.fraction() * spread);
            answer(name, { kind: 'later', epoch, connection, delayMs });
          }
        })
        .catch((error: unknown) => {
          log.warn(
            { error: messageOf(error) },
            'devices could not be asked to say hello; they will, within two hours',
          );
        });
    },
    publishDesired: (device) => courier.sendDesired(device),
    askAll(device) {
      store
        .transaction(({ devices }) => devices.get(device))
        .then((row) => row?.presence === 'connected' && greetAgain(device, row.epoch, row.connection))
        .catch((error: unknown) => log.debug({ device, error: messageOf(error) }, 'a device was not asked'));
    },
    ask: (device, body, options) => requests.ask(device, body, options),
    async settle() {
      for (const cancel of waiting) cancel();
      requests.stop();
      await intake.settle();
      await courier.stop();
    },
  };
}
