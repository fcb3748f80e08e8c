import { messageOf } from '../../shared/base/errors.ts';
import type { MqttAccess, MqttConnection } from '../../shared/host/mqtt-client.ts';
import { connectMqtt } from '../../shared/host/mqtt-client.ts';
import { LARGEST_PAYLOAD_BYTES } from '../../shared/protocol/messages.ts';
import { DEVICE_CHANNELS, parseTopic, subscriptionOf } from '../../shared/protocol/topics.ts';
import type { Clock, Log, Random } from '../../shared/ports.ts';
import type { Broker, BrokerWatch } from '../ports.ts';
import { createOutlet } from './outlet.ts';

/** No name of a device: a device could otherwise take over the hub's session. */
const CLIENT_ID = 'holdfast_hub';
const KEEPALIVE_SECONDS = 30;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
/** A packet id has 16 bits, and the library gives out those that are taken. */
const MOST_IN_FLIGHT = 30_000;

type Receive = Parameters<Broker['start']>[0];
type MqttBrokerPorts = { readonly clock: Clock; readonly random: Random; readonly log: Log };

/**
 * Any MQTT 3.1.1 broker, with the hub as one of its clients. A connection that is lost is replaced by a new one, for
 * as long as it takes; meanwhile publishing fails, and nothing is kept to be sent later.
 */
export function createMqttBroker(access: MqttAccess, { clock, random, log }: MqttBrokerPorts): Broker {
  let connection: MqttConnection | undefined;
  let cancelRetry = () => {};
  let connecting: Promise<void> = Promise.resolve();
  let attempts = 0;
  let inFlight = 0;
  let stopped = false;

  const outlet = createOutlet(async (topic, payload) => {
    if (connection === undefined) throw new Error('the hub is not connected to the broker');
    if (inFlight >= MOST_IN_FLIGHT) throw new Error(`the broker does not keep up: ${inFlight} messages wait`);
    inFlight += 1;
    try {
      await connection.publish(topic, payload);
    } finally {
      inFlight -= 1;
    }
  });

  async function connect(receive: Receive, watch: BrokerWatch | undefined): Promise<void> {
    let upSinceMs = 0;
    const again = (reason: string) => {
      const ceilingMs = Math.min(FIRST_RETRY_MS * 2 ** attempts, LONGEST_RETRY_MS);
      const delayMs = ceilingMs * (0.5 + random.fraction() / 2);
      attempts = Math.min(attempts + 1, 10);
      log.warn({ broker: access.url, reason, retryMs: Math.round(delayMs) }, 'not connected to the broker');
      cancelRetry = clock.after(delayMs, () => {
        connecting = connect(receive, watch);
      });
    };
    try {
      const opened = await connectMqtt({
        access,
        clientId: CLIENT_ID,
        keepaliveSeconds: KEEPALIVE_SECONDS,
        filters: DEVICE_CHANNELS.map((channel) => subscriptionOf(channel)),
        receive: (topic, payload) => take(topic, payload, receive),
        lost(reason) {
          connection = undefined;
          // One that is lost as soon as it is made is no better than none: two hubs take each other's place so.
          if (clock.monotonic() - upSinceMs >= LONGEST_RETRY_MS) attempts = 0;
          // What is being published fails now, and not only at its deadline.
          opened.close(true).catch(() => {});
          watch?.lost(reason);
          if (!stopped) again(reason);
        },
        clock,
      });
      if (stopped) return await opened.close(false);
      upSinceMs = clock.monotonic();
      connection = opened;
      log.info({ broker: access.url }, 'connected to the broker');
      watch?.ready();
    } catch (error) {
      if (!stopped) again(messageOf(error));
    }
  }

  function take(topic: string, payload: Uint8Array, receive: Receive): void {
    const { device, channel: name } = parseTopic(topic) ?? {};
    const channel = DEVICE_CHANNELS.find((known) => known === name);
    if (device === undefined || channel === undefined) return;
    if (payload.length <= LARGEST_PAYLOAD_BYTES) receive(device, channel, payload);
    else log.warn({ device, channel, bytes: payload.length }, 'a message was too large, and was dropped');
  }

  return {
    async start(receive, watch) {
      connecting = connect(receive, watch);
      return { address: new URL(access.url).host };
    },
    publish: (device, channel, payload) => outlet.publish(device, channel, payload),
    async stop() {
      stopped = true;
      cancelRetry();
      await connecting;
      await connection?.close(false);
    },
  };
}
