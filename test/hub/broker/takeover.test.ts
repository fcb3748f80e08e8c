import mqtt from 'mqtt';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createApi } from '../../../hub/api/api.ts';
import { anyoneIsAdmin } from '../../tools/admin.ts';
import { createHub } from '../../../hub/hub.ts';
import { createStore } from '../../../hub/store/store.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createRandom } from '../../../shared/host/random.ts';
import { encodeMessage } from '../../../shared/protocol/messages.ts';
import { topicOf } from '../../../shared/protocol/topics.ts';
import { embedded } from '../../contract/brokers/embedded.ts';
import { mosquitto } from '../../contract/brokers/mosquitto.ts';
import type { BrokerKind } from '../../contract/brokers/world.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import { EPOCH, hello } from '../start-hub.ts';

/**
 * A broker says of a connection that is taken over that it is gone. The device is not: the hub knows its connections
 * by their numbers, and does not take the end of an old one for the end of the device.
 */
describe.each<[string, BrokerKind]>([
  ['embedded', embedded],
  ['Mosquitto', mosquitto],
])('a device whose connection was taken over by its next one, at the broker %s', (_, kind) => {
  test('is connected, and gone once that one is lost', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-takeover-'));
    const broker = await kind.prepare(folder);
    await broker.run();
    const store = await createStore(':memory:');
    const ports = { clock: createClock(), random: createRandom(), log: createLogRecorder() };
    const hub = createHub(
      {
        version: '0.1.0',
        apiListen: { host: '127.0.0.1', port: 0 },
        eventRetentionMs: 3_600_000,
        timelineRetentionMs: 3_600_000,
      },
      { store, broker: broker.createHub(), serveApi: createApi, authenticate: anyoneIsAdmin, ...ports },
    );
    await hub.start();
    const clients: mqtt.MqttClient[] = [];
    onTestFinished(async () => {
      await Promise.all(clients.map((client) => client.endAsync(true)));
      await hub.stop();
      await broker.kill();
      rmSync(folder, { recursive: true });
    });

    const presence = async () => (await store.transaction(({ devices }) => devices.get('edge-1')))?.presence;
    async function connect(connection: number): Promise<mqtt.MqttClient> {
      const payload = bytesOf({ epoch: EPOCH, connection });
      const client = await mqtt.connectAsync(`mqtt://${broker.address}`, {
        clientId: 'edge-1',
        reconnectPeriod: 0,
        ...broker.login('edge-1'),
        will: { topic: topicOf('edge-1', 'gone'), payload, qos: 1, retain: false },
      });
      clients.push(client);
      const said = bytesOf(hello({ connection }));
      await expect
        .poll(
          async () => {
            await client.publishAsync(topicOf('edge-1', 'hello'), said, { qos: 1 });
            return presence();
          },
          { interval: 20, timeout: 20_000 },
        )
        .toBe('connected');
      return client;
    }

    const first = await connect(1);
    const lost = new Promise((resolve) => first.once('close', () => resolve(true)));
    const second = await connect(2);
    await lost;
    let answers = 0;
    second.on('message', () => (answers += 1));
    await second.subscribeAsync(topicOf('edge-1', 'ack'), { qos: 1 });
    // The same once more, for a broker that says nothing of it. What one device says is taken in order, so that
    // with the answer to its hello the ends of the old connection have been taken.
    await second.publishAsync(topicOf('edge-1', 'gone'), bytesOf({ epoch: EPOCH, connection: 1 }), {
      qos: 1,
    });
    await second.publishAsync(topicOf('edge-1', 'hello'), bytesOf(hello({ connection: 2 })), { qos: 1 });
    await expect.poll(() => answers, { interval: 5 }).toBeGreaterThan(0);
    expect(await presence()).toBe('connected');
    second.stream.destroy();
    await expect.poll(presence, { interval: 20, timeout: 20_000 }).toBe('disconnected');
  });
});

const bytesOf = (message: object) => Buffer.from(encodeMessage(message));
