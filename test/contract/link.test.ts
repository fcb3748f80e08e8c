import { createClock } from '../../shared/host/clock.ts';
import { describe } from 'vitest';
import { createMqttLink } from '../../agent/link/mqtt-link.ts';
import { createEmbeddedBroker } from '../../hub/broker/embedded-broker.ts';
import { startProxy } from '../agent/link/frozen-proxy.ts';
import { createLogRecorder } from '../shared/log-recorder.ts';
import { testLink } from './link.ts';

describe('the MQTT link over the embedded broker', () => {
  testLink(async () => {
    const heard: string[] = [];
    const broker = createEmbeddedBroker({ host: '127.0.0.1', port: 0 }, createLogRecorder());
    const { address } = await broker.start((_device, channel, payload) => {
      heard.push(`${channel} ${Buffer.from(payload).toString()}`);
    });
    const proxy = await startProxy(address);
    let closing: Promise<void> | undefined;
    return {
      link: createMqttLink(`mqtt://${proxy.address}`, 'edge-1', 60, createClock()),
      heard,
      send: (channel, text) => broker.publish('edge-1', channel, Buffer.from(text)),
      cut: () => proxy.cut(),
      close() {
        closing ??= proxy.close().then(() => broker.stop());
        return closing;
      },
    };
  });
});
