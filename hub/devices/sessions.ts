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
import { createCourier } from './courier.ts';
import { ensureDevice } from './ensure-device.ts';
import { createIntake } from './intake.ts';
import { spreadMs } from './pace.ts';
import type { Requests } from './requests.ts';
import { createRequests } from './requests.ts';
import { takeGone } from './take-gone.ts';
import { takeHello } from './take-hello.ts';
import { takeReports } from './take-reports.ts';

/** How long a device waits before it says again what there was no room for. */
const LATER_MS = 5_000;

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
  /** Asks every device that may be there to say hello, spread over what the hub can take. */
  callRoll(): void;
  readonly ask: Requests['ask'];
  /** Resolves once everything that came in is done with. */
  settle(): Promise<void>;
}

interface SessionsOptions {
  readonly store: Store;
  readonly broker: Pick<Broker, 'publish'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly heard: Heard;
}

/** The hub's end of every device's link: hello, reports, presence and the way out of desired documents. */
export function createSessions({ store, broker, clock, random, log, heard }: SessionsOptions): Sessions {
  const intake = createIntake({ store, log });
  const courier = createCourier({ broker, clock, log, findDocument });
  const requests = createRequests({
    clock,
    random,
    send: (device, request) => courier.send(device, 'request', request),
  });
  /** The devices that are there, to know how far a lost hub's have to be spread. */
  const connected = new Set<string>();

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
      connected.add(device);
      const spread = spreadMs(connected.size, greeting.isDuplicate);
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
    };
  }

  async function part(batch: Batch, device: string, gone: GoneMessage): Promise<() => void> {
    const isNews = takeGone(batch, device, gone, clock.now());
    return () => {
      if (!isNews) return;
      connected.delete(device);
      courier.forget(device);
      heard.device(device);
    };
  }

  /** Asks for a message again, where there is no room for it. */
  function postpone(device: string, epoch: string, connection: number): void {
    log.warn({ device }, 'too many messages wait: one is asked for again later');
    answer(device, { kind: 'later', epoch, connection, delayMs: LATER_MS });
  }

  return {
    receive(device, channel, payload) {
      const refuse = (problem: string) => log.warn({ device, channel, problem }, 'a message was refused');
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
          const take = (batch: Batch) => part(batch, device, gone.value);
          // One that is lost is made up for: a device that is silent for too long counts as gone.
          if (!intake.add({ device, bytes, take })) log.warn({ device }, 'a last will was dropped');
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
      connected.clear();
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
            'devices could not be asked to say hello; they will, within an hour',
          );
        });
    },
    publishDesired: (device) => courier.sendDesired(device),
    ask: (device, body, options) => requests.ask(device, body, options),
    async settle() {
      requests.stop();
      await intake.settle();
      await courier.stop();
    },
  };
}
