import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LARGEST_PAYLOAD_BYTES } from '../../../shared/protocol/messages.ts';
import { DEVICE_CHANNELS, HUB_CHANNELS } from '../../../shared/protocol/topics.ts';
import { createExternalHub } from './external-hub.ts';
import { createServerProcess, findProgram } from './server-process.ts';
import type { BrokerKind } from './world.ts';
import { DEVICES, freePorts, HUB_USER, passwordOf } from './world.ts';

export const NATS = findProgram('nats-server');

/** NATS as docs/brokers.md configures it: JetStream under its MQTT, a user for each device. */
export const nats: BrokerKind = {
  async prepare(folder) {
    const [port = 0, mqttPort = 0] = await freePorts(2);
    writeFileSync(
      join(folder, 'nats.conf'),
      JSON.stringify({
        server_name: 'test',
        listen: `127.0.0.1:${port}`,
        jetstream: { store_dir: join(folder, 'jetstream') },
        mqtt: { listen: `127.0.0.1:${mqttPort}` },
        max_payload: LARGEST_PAYLOAD_BYTES + 256,
        authorization: { users: [HUB_USER, ...DEVICES].map(userOf) },
      }),
    );
    const program = NATS ?? 'nats-server';
    const address = `127.0.0.1:${mqttPort}`;
    return {
      address,
      isInHub: false,
      login: (device) => ({ username: device, password: passwordOf(device) }),
      createHub: () => createExternalHub(address),
      ...createServerProcess([program, '-c', join(folder, 'nats.conf')], mqttPort),
      async dispose() {},
    };
  },
};

/** NATS writes an MQTT topic with dots; a QoS 1 subscription also needs a subject of the client's own. */
function userOf(user: string) {
  const [device, says, hears] =
    user === HUB_USER ? ['*', HUB_CHANNELS, DEVICE_CHANNELS] : [user, DEVICE_CHANNELS, HUB_CHANNELS];
  const subjects = (channels: readonly string[]) =>
    channels.map((channel) => `holdfast.v1.${device}.${channel}`);
  const permissions = { publish: subjects(says), subscribe: [...subjects(hears), '$MQTT.sub.>'] };
  return { user, password: passwordOf(user), permissions };
}
