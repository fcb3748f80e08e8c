import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { LARGEST_PAYLOAD_BYTES } from '../../../shared/protocol/messages.ts';
import { DEVICE_CHANNELS, HUB_CHANNELS } from '../../../shared/protocol/topics.ts';
import { createExternalHub } from './external-hub.ts';
import { createServerProcess, findProgram } from './server-process.ts';
import type { BrokerKind } from './world.ts';
import { DEVICES, freePorts, HUB_USER, passwordOf } from './world.ts';

export const MOSQUITTO = findProgram('mosquitto');

/** Mosquitto as docs/brokers.md configures it, with passwords in place of certificates. */
export const mosquitto: BrokerKind = {
  async prepare(folder) {
    const [port = 0] = await freePorts(1);
    const at = (name: string) => join(folder, name);
    const users = [HUB_USER, ...DEVICES].map((user) => `${user}:${passwordOf(user)}\n`);
    writeFileSync(at('passwords'), users.join(''), { mode: 0o600 });
    execFileSync('mosquitto_passwd', ['-U', at('passwords')], { stdio: 'pipe' });
    writeFileSync(at('acl'), ACL, { mode: 0o600 });
    writeFileSync(
      at('mosquitto.conf'),
      `listener ${port} 127.0.0.1\nuser ${userInfo().username}\n` +
        `password_file ${at('passwords')}\nacl_file ${at('acl')}\n${SETTINGS}`,
    );
    const server = createServerProcess([MOSQUITTO ?? 'mosquitto', '-c', at('mosquitto.conf')], port);
    const address = `127.0.0.1:${port}`;
    return {
      address,
      isInHub: false,
      login: (device) => ({ username: device, password: passwordOf(device) }),
      createHub: () => createExternalHub(address),
      ...server,
      async dispose() {},
    };
  },
};

export const ACL = [
  `user ${HUB_USER}`,
  ...DEVICE_CHANNELS.map((channel) => `topic read holdfast/v1/+/${channel}`),
  ...HUB_CHANNELS.map((channel) => `topic write holdfast/v1/+/${channel}`),
  ...DEVICE_CHANNELS.map((channel) => `pattern write holdfast/v1/%u/${channel}`),
  ...HUB_CHANNELS.map((channel) => `pattern read holdfast/v1/%u/${channel}`),
  '',
].join('\n');

export const SETTINGS = `
allow_anonymous false
use_username_as_clientid true
persistence false
retain_available false
max_packet_size ${LARGEST_PAYLOAD_BYTES + 256}
message_size_limit ${LARGEST_PAYLOAD_BYTES}
max_inflight_messages 1000
max_queued_messages 0
max_queued_bytes 67108864
max_keepalive 1200
`;
