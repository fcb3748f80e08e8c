import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { LARGEST_PAYLOAD_BYTES } from '../../../shared/protocol/messages.ts';
import { DEVICE_CHANNELS, HUB_CHANNELS } from '../../../shared/protocol/topics.ts';
import { waitFor } from '../../tools/wait-for.ts';
import { createExternalHub } from './external-hub.ts';
import { createServerProcess } from './server-process.ts';
import type { BrokerKind } from './world.ts';
import { DEVICES, freePorts, HUB_USER, passwordOf } from './world.ts';

/** Not the one in the path, which runs as a user of its own. */
export const RABBITMQ = globSync('/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server').find(
  (path) => existsSync(path),
);

/** RabbitMQ with its MQTT plugin as docs/brokers.md configures it. */
export const rabbitmq: BrokerKind = {
  async prepare(folder) {
    const [port = 0, mqttPort = 0, distributionPort = 0, epmdPort = 0] = await freePorts(4);
    const at = (name: string) => join(folder, name);
    const address = `127.0.0.1:${mqttPort}`;
    writeFileSync(at('plugins'), '[rabbitmq_mqtt].\n');
    writeFileSync(at('definitions.json'), JSON.stringify(DEFINITIONS));
    writeFileSync(
      at('rabbitmq.conf'),
      [
        `listeners.tcp.local = 127.0.0.1:${port}`,
        `mqtt.listeners.tcp.local = ${address}`,
        'mqtt.allow_anonymous = false',
        `max_message_size = ${LARGEST_PAYLOAD_BYTES}`,
        `load_definitions = ${at('definitions.json')}`,
        '',
      ].join('\n'),
    );
    // A port mapper of its own, so that nobody else's is used, or ended.
    const environment = {
      HOME: folder,
      ERL_EPMD_PORT: `${epmdPort}`,
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: `holdfast${mqttPort}@localhost`,
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_CONFIG_FILE: at('rabbitmq'),
      RABBITMQ_ENABLED_PLUGINS_FILE: at('plugins'),
      RABBITMQ_MNESIA_BASE: at('mnesia'),
      RABBITMQ_LOG_BASE: at('log'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_PID_FILE: at('pid'),
      RABBITMQ_DIST_PORT: `${distributionPort}`,
    };
    return {
      address,
      isInHub: false,
      login: (device) => ({ username: device, password: passwordOf(device) }),
      createHub: () => createExternalHub(address),
      ...createServerProcess([RABBITMQ ?? 'rabbitmq-server'], mqttPort, environment),
      async dispose() {
        const env = { ...process.env, ERL_EPMD_PORT: `${epmdPort}` };
        // It refuses for as long as it believes the node to be alive.
        await waitFor('the port mapper to end', () => {
          const { stdout, status } = spawnSync('epmd', ['-kill'], { env, encoding: 'utf8' });
          return status !== 0 ? !stdout.includes('not allowed') : stdout.includes('Killed');
        });
      },
    };
  },
};

const anyOf = (channels: readonly string[]) => `(${channels.join('|')})$`;

/** Topics are routing keys of `amq.topic`, written with dots; a client's queue bears its id. */
const DEFINITIONS = {
  vhosts: [{ name: '/' }],
  users: [HUB_USER, ...DEVICES].map((user) => ({
    name: user,
    password_hash: hashPassword(passwordOf(user)),
    hashing_algorithm: 'rabbit_password_hashing_sha256',
    tags: '',
  })),
  permissions: [HUB_USER, ...DEVICES].map((user) => {
    const queue = `^(mqtt-subscription-${user}qos[01]|amq\\.topic)$`;
    return { user, vhost: '/', configure: queue, write: queue, read: queue };
  }),
  topic_permissions: [HUB_USER, ...DEVICES].map((user) => {
    const [device, says, hears] =
      user === HUB_USER ? ['[^.]+', HUB_CHANNELS, DEVICE_CHANNELS] : [user, DEVICE_CHANNELS, HUB_CHANNELS];
    const of = (channels: readonly string[]) => `^holdfast\\.v1\\.${device}\\.${anyOf(channels)}`;
    // The hub subscribes with a wildcard, which is checked as it is written.
    return { user, vhost: '/', exchange: 'amq.topic', write: of(says), read: of(hears) };
  }),
};

/** RabbitMQ's own form: four bytes of salt, then SHA-256 over them and the password. */
function hashPassword(password: string): string {
  const salt = Buffer.from('salt');
  const hash = createHash('sha256').update(salt).update(password).digest();
  return Buffer.concat([salt, hash]).toString('base64');
}
