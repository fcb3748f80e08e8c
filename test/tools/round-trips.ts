import mqtt from 'mqtt';
import type { Broker } from '../../hub/ports.ts';
import { topicOf } from '../../shared/protocol/topics.ts';

/** How long a device may have to wait because of what another one does. */
const LONGEST_MS = 2_500;

type Receive = Parameters<Broker['start']>[0];

/** A hub that does nothing but answer each `hello` with an `ack` of the same payload. */
export function answerHello(broker: Broker, heard: Receive = () => {}): Receive {
  return (device, channel, payload) => {
    heard(device, channel, payload);
    if (channel === 'hello') broker.publish(device, 'ack', payload).catch(() => {});
  };
}

export interface RoundTrips {
  /** How many were made, one more last of all. @throws Error where one took too long, or the link was lost */
  finish(): Promise<number>;
}

/** A device that says `hello` and waits for its `ack`, again and again, while others do what they do. */
export async function makeRoundTrips(
  url: string,
  device = 'neighbour',
  options: mqtt.IClientOptions = {},
): Promise<RoundTrips> {
  const client = await mqtt.connectAsync(url, { clientId: device, reconnectPeriod: 0, ...options });
  let trips = 0;
  let lost = false;
  let answered: (text: string) => void = () => {};
  client.on('close', () => (lost = true));
  client.on('error', () => {});
  client.on('message', (_topic, payload) => answered(payload.toString()));
  await client.subscribeAsync(topicOf(device, 'ack'), { qos: 1 });

  async function makeOne(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const answer = new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${LONGEST_MS} ms`)), LONGEST_MS);
      answered = (said) => {
        if (said === `${trips}`) resolve();
      };
    });
    client.publish(topicOf(device, 'hello'), `${trips}`, { qos: 1 }, () => {});
    await answer.finally(() => clearTimeout(timer));
    trips += 1;
  }

  let finishing = false;
  const ended = (async () => {
    while (!finishing) await makeOne();
  })();
  ended.catch(() => {});
  return {
    async finish() {
      finishing = true;
      try {
        await ended;
        // One more, whole, after whatever was done.
        await makeOne();
        if (lost) throw new Error('the link was lost');
        return trips;
      } finally {
        client.removeAllListeners('close');
        await client.endAsync(true);
      }
    },
  };
}
