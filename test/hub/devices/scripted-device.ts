import { randomUUID } from 'node:crypto';
import mqtt from 'mqtt';
import { withDeadline } from '../../../shared/base/deadline.ts';
import { createClock } from '../../../shared/host/clock.ts';
import type { MachineState, MachineStatus } from '../../../shared/model/machine.ts';
import type { DesiredDocument } from '../../../shared/protocol/desired.ts';
import { createDesiredAssembler, parseDesired } from '../../../shared/protocol/desired.ts';
import type {
  AckMessage,
  DesiredMessage,
  EventBody,
  HelloMessage,
  Report,
  RequestMessage,
} from '../../../shared/protocol/messages.ts';
import { encodeMessage } from '../../../shared/protocol/messages.ts';
import type { DeviceChannel } from '../../../shared/protocol/topics.ts';
import { HUB_CHANNELS, topicOf } from '../../../shared/protocol/topics.ts';

export interface DeviceOptions {
  readonly name: string;
  readonly epoch: string;
  readonly connection: number;
}

export type ScriptedDevice = Awaited<ReturnType<typeof connectDevice>>;
/** A desired document with the hash that it came with. */
export type Received = DesiredDocument & { readonly hash: string };

const DEADLINE_MS = 10_000;
/** When a device sent something, by its own clock. */
export const SENT = { time: '2026-03-01T08:00:00.000Z', monotonicMs: 10_000, bootId: 'boot-1' };

export function event(message: string, more: Partial<EventBody> = {}): EventBody {
  return { kind: 'event', type: 'Normal', reason: 'Tested', message, ...more };
}

export function reportOf(sequence: number, body: unknown): Report {
  const happenedAt = new Date(Date.parse('2026-03-01T08:00:00Z') + sequence * 1000).toISOString();
  return { sequence, happenedAt, monotonicMs: sequence * 1000, bootId: 'boot-1', body };
}

export function statusOf(uid: string, state: MachineState, more: Partial<MachineStatus> = {}): object {
  const status: MachineStatus = {
    uid,
    namespace: 'default',
    name: 'pos',
    kind: 'VirtualMachine',
    generation: 1,
    state,
    reason: state,
    message: `it is ${state}`,
    since: '2026-03-01T08:00:00Z',
    interfaces: [],
    ...more,
  };
  return { kind: 'machine', status };
}

/** A device that says what a test has it say, over a real MQTT client, and keeps what it is told. */
export async function connectDevice(
  address: string,
  { name = 'edge-1', epoch = randomUUID(), connection = 1 }: Partial<DeviceOptions> = {},
) {
  const gone = encodeMessage({ epoch, connection });
  const connecting = mqtt.connectAsync(`mqtt://${address}`, {
    clientId: name,
    reconnectPeriod: 0,
    will: { topic: topicOf(name, 'gone'), payload: gone, qos: 1, retain: false },
  });
  // One that is cut off before it is let in, because another takes its place, would be waited for without end.
  const late = () => new Error(`${name} was not let in`);
  const client = await withDeadline(createClock(), DEADLINE_MS, connecting, late);
  const acks: number[] = [];
  const answers: AckMessage[] = [];
  const asked: RequestMessage[] = [];
  const documents: Received[] = [];
  let sequence = 0;
  const assembler = createDesiredAssembler();
  let look = () => {};
  client.on('message', (topic, payload) => {
    const message = JSON.parse(payload.toString()) as AckMessage & DesiredMessage & RequestMessage;
    if (topic === topicOf(name, 'ack')) {
      answers.push(message);
      if (message.kind === 'ack' || message.kind === 'welcome') acks.push(message.sequence);
    }
    if (topic === topicOf(name, 'request')) asked.push(message);
    if (topic === topicOf(name, 'desired')) {
      const text = assembler.add(message);
      const document = text?.ok === true ? parseDesired(text.value) : undefined;
      if (document?.ok === true) documents.push({ ...document.value, hash: message.hash });
    }
    look();
  });
  await client.subscribeAsync(
    HUB_CHANNELS.map((channel) => topicOf(name, channel)),
    { qos: 1 },
  );

  async function take<T>(what: string, queue: T[]): Promise<T> {
    const untilMs = Date.now() + DEADLINE_MS;
    for (let found = queue.shift(); ; found = queue.shift()) {
      if (found !== undefined) return found;
      await new Promise<void>((resolve, reject) => {
        const late = new Error(`no ${what} came for ${name}`);
        const timer = setTimeout(() => reject(late), untilMs - Date.now());
        look = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  const say = (channel: DeviceChannel, payload: object | string) =>
    client.publishAsync(
      topicOf(name, channel),
      typeof payload === 'string' ? payload : encodeMessage(payload),
      { qos: 1 },
    );

  const report = (...reports: readonly Report[]) => say('report', { epoch, connection, sent: SENT, reports });

  return {
    name,
    epoch,
    connection,
    /** Acknowledgements and documents that came and were not taken. */
    acks,
    documents,
    say,
    hello: (change: Partial<HelloMessage> = {}) =>
      say('hello', {
        protocol: { min: 1, max: 1 },
        agentVersion: '1.2.3',
        epoch,
        connection,
        generation: 0,
        hash: '',
        acknowledged: 0,
        next: 1_000_000,
        sent: SENT,
        box: { hostname: name, addresses: [] },
        ...change,
      } satisfies HelloMessage),
    report,
    /** Reports numbered from 1 on, over all calls; the number of the last. */
    async tell(...bodies: readonly object[]) {
      await report(...bodies.map((body) => reportOf((sequence += 1), body)));
      return sequence;
    },
    gone: (change: object = {}) => say('gone', { epoch, connection, ...change }),
    /** The highest committed number that an answer named. */
    takeAck: () => take('acknowledgement', acks),
    takeAnswer: () => take('answer', answers),
    takeRequest: () => take('request', asked),
    takeDocument: () => take('document', documents),
    /** Goes away as a lost link does, so that the last will is heard. */
    async cut() {
      if (!client.connected) return;
      const closed = new Promise<void>((resolve) => {
        client.once('close', () => resolve());
      });
      client.stream.destroy();
      await closed;
    },
  };
}
