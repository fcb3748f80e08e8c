import { describe } from 'vitest';
import { createMqttLink } from '../../agent/link/mqtt-link.ts';
import { createClock } from '../../shared/host/clock.ts';
import { startProxy } from '../agent/link/frozen-proxy.ts';
import { embedded } from './brokers/embedded.ts';
import { mosquitto } from './brokers/mosquitto.ts';
import type { BrokerKind } from './brokers/world.ts';
import { openWorld } from './brokers/world.ts';
import { testLink } from './link.ts';

describe.each<[string, BrokerKind]>([
  ['the embedded broker', embedded],
  ['Mosquitto', mosquitto],
])('the MQTT link over %s', (_, kind) => {
  testLink(async () => {
    // It answers no hello: what the link brings is all that comes.
    const world = await openWorld(kind, () => {});
    const proxy = await startProxy(world.broker.address);
    let closing: Promise<void> | undefined;
    const access = { url: `mqtt://${proxy.address}`, ...world.broker.login('edge-1') };
    return {
      link: createMqttLink(access, 'edge-1', 60, createClock()),
      get heard() {
        return world.heard.map(({ channel, text }) => `${channel} ${text}`);
      },
      send: (channel, text) => world.hub.publish('edge-1', channel, Buffer.from(text)),
      cut: () => proxy.cut(),
      close() {
        closing ??= proxy.close().then(() => world.close());
        return closing;
      },
    };
  });
});
