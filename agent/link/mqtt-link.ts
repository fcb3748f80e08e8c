import { withDeadline } from '../../shared/base/deadline.ts';
import type { MqttAccess } from '../../shared/host/mqtt-client.ts';
import type { Clock } from '../../shared/ports.ts';
import { HUB_CHANNELS, parseTopic, topicOf } from '../../shared/protocol/topics.ts';
import type { Link } from '../ports.ts';

const GOODBYE_DEADLINE_MS = 5_000;

/** The link over any MQTT 3.1.1 broker, with the device's name as client id. */
export function createMqttLink(
  access: MqttAccess | string,
  device: string,
  keepaliveSeconds: number,
  clock: Clock,
): Link {
  return {
    async connect({ gone, receive, lost }) {
      // Not before it is needed: what runs on the box is taken over first.
      const { connectMqtt } = await import('../../shared/host/mqtt-client.ts');
      let closing = false;
      const mqtt = await connectMqtt({
        access: typeof access === 'string' ? { url: access } : access,
        clientId: device,
        keepaliveSeconds,
        will: { topic: topicOf(device, 'gone'), payload: gone },
        filters: HUB_CHANNELS.map((channel) => topicOf(device, channel)),
        receive(topic, payload) {
          const channel = HUB_CHANNELS.find((known) => known === parseTopic(topic)?.channel);
          if (channel !== undefined) receive(channel, payload);
        },
        lost(reason) {
          if (!closing) lost(reason);
        },
        clock,
      });

      /** A clean DISCONNECT makes the broker drop the will, so its text is published instead. */
      async function sayGoodbye(): Promise<void> {
        const late = () => new Error(`the goodbye took longer than ${GOODBYE_DEADLINE_MS / 1000} s`);
        await withDeadline(clock, GOODBYE_DEADLINE_MS, mqtt.publish(topicOf(device, 'gone'), gone), late);
      }

      return {
        publish: (channel, payload) => mqtt.publish(topicOf(device, channel), payload),
        async close(polite) {
          closing = true;
          let said = false;
          try {
            if (polite && mqtt.isUp()) await sayGoodbye();
            said = true;
          } finally {
            await mqtt.close(!polite || !said);
          }
        },
      };
    },
  };
}
