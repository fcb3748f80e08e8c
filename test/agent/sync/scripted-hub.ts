import { createEmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import type {
  GoneMessage,
  HelloMessage,
  ReportMessage,
  ResponseMessage,
  Welcome,
} from '../../../shared/protocol/messages.ts';
import { encodeMessage } from '../../../shared/protocol/messages.ts';
import type { HubChannel } from '../../../shared/protocol/topics.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';

interface Said {
  readonly hello: HelloMessage;
  readonly report: ReportMessage;
  readonly gone: GoneMessage;
  readonly response: ResponseMessage;
}

export type ScriptedHub = Awaited<ReturnType<typeof startScriptedHub>>;

const DEADLINE_MS = 10_000;

/** The real broker with a hub behind it that says only what a test has it say, to the device `edge-1`. */
export async function startScriptedHub(port = 0) {
  const broker = createEmbeddedBroker({ host: '127.0.0.1', port }, createLogRecorder());
  /** What came in, as `channel`, in order. */
  const channels: string[] = [];
  const waiting: { channel: string; message: unknown; bytes: number }[] = [];
  let look = () => {};
  const { address } = await broker.start((_device, channel, payload) => {
    channels.push(channel);
    const message: unknown = JSON.parse(Buffer.from(payload).toString());
    waiting.push({ channel, message, bytes: payload.byteLength });
    look();
  });

  let unanswered: HelloMessage | undefined;
  const send = (channel: HubChannel, message: object) =>
    broker.publish('edge-1', channel, encodeMessage(message));

  return {
    url: `mqtt://${address}`,
    port: Number(address.split(':')[1]),
    channels,
    send,
    /** Answers as a hub does: a hello with a welcome, reports with an acknowledgement. */
    async ack(epoch: string, sequence: number, welcome: Partial<Welcome> = {}) {
      const hello = unanswered?.epoch === epoch ? unanswered : undefined;
      if (hello !== undefined) unanswered = undefined;
      const { connection = 0 } = hello ?? {};
      const time = '2026-03-01T08:00:00.000Z';
      const answer = {
        kind: 'welcome',
        epoch,
        connection,
        protocol: 1,
        sequence,
        time,
        spreadMs: 0,
      } as const;
      await send(
        'ack',
        hello === undefined ? { kind: 'ack', epoch, sequence } : { ...answer, tellAll: false, ...welcome },
      );
    },
    /** The next message of the device, which must be of `channel`. */
    async take<C extends keyof Said>(channel: C): Promise<Said[C] & { readonly bytes: number }> {
      if (waiting.length === 0) {
        await new Promise<void>((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error(`no ${channel} came`)), DEADLINE_MS);
          look = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      const next = waiting.shift();
      if (next?.channel !== channel) {
        throw new Error(`${next?.channel} came, not ${channel}: ${JSON.stringify(next?.message)}`);
      }
      if (channel === 'hello') unanswered = next.message as HelloMessage;
      return Object.assign(next.message as Said[C], { bytes: next.bytes });
    },
    stop: () => broker.stop(),
  };
}
