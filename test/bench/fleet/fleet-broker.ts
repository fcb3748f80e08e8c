import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createAuthority } from '../../tools/certificates.ts';
import { waitFor } from '../../tools/wait-for.ts';

export const BROKERS = ['embedded', 'mosquitto'] as const;

export interface BrokerChoice {
  readonly broker: (typeof BROKERS)[number];
  /** With certificates on both sides. */
  readonly tls: boolean;
}

/** What devices show each other who they are with; PEM texts. */
export interface FleetAuthority {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
}

/** Where devices and hub meet. An embedded broker comes and goes with its hub, Mosquitto is a process of its own. */
export interface FleetBroker {
  /** The broker's `HOST:PORT`. */
  readonly address: string;
  readonly url: string;
  readonly authority?: FleetAuthority;
  /** The hub's settings. */
  readonly flags: Readonly<Record<string, string>>;
  /** Nothing, where the hub is its own broker. */
  start(): Promise<void>;
  end(): Promise<void>;
}

export async function createFleetBroker({ broker, tls }: BrokerChoice, folder: string): Promise<FleetBroker> {
  const address = `127.0.0.1:${await findPort()}`;
  const certificates = tls ? createCertificates(folder) : undefined;
  const url = `${tls ? 'mqtts' : 'mqtt'}://${address}`;
  const common = {
    address,
    url,
    ...(certificates !== undefined && { authority: certificates.authority }),
  };
  return broker === 'embedded'
    ? {
        ...common,
        flags: { mqttListen: address, ...certificates?.embedded },
        start: async () => {},
        end: async () => {},
      }
    : {
        ...common,
        flags: { broker: url, ...certificates?.client },
        ...createMosquitto(folder, address, certificates),
      };
}

type Certificates = ReturnType<typeof createCertificates>;

function createCertificates(parent: string) {
  const folder = join(parent, 'certificates');
  mkdirSync(folder);
  const authority = createAuthority(folder);
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const { cert, key } = authority.issue('127.0.0.1', 'IP:127.0.0.1');
  const files = {
    ca: join(folder, 'ca.pem'),
    certificate: write('hub.pem', cert),
    key: write('hub.key', key),
  };
  return {
    files,
    authority: { name: 'authority', cert: authority.cert, key: readFileSync(join(folder, 'ca.key'), 'utf8') },
    embedded: { mqttCertificate: files.certificate, mqttKey: files.key, mqttClientCa: files.ca },
    client: { brokerCa: files.ca, brokerCertificate: files.certificate, brokerKey: files.key },
  };
}

/** Its own limits are lifted as far as the hub's embedded broker has none of that kind. */
function createMosquitto(folder: string, address: string, certificates: Certificates | undefined) {
  const [host = '', port = ''] = address.split(':');
  const file = join(folder, 'mosquitto.conf');
  const { ca, certificate, key } = certificates?.files ?? {};
  const tls =
    certificates === undefined
      ? []
      : [`cafile ${ca}`, `certfile ${certificate}`, `keyfile ${key}`, 'require_certificate true'];
  const settings = [
    `listener ${port} ${host}`,
    'allow_anonymous true',
    'persistence false',
    'set_tcp_nodelay true',
    'max_queued_messages 0',
    'max_inflight_messages 0',
    'log_type error',
    ...tls,
  ];
  writeFileSync(file, `${settings.join('\n')}\n`);
  let end = async () => {};
  return {
    async start() {
      const child = spawn('mosquitto', ['-c', file], { stdio: 'ignore' });
      const gone = once(child, 'exit');
      end = async () => {
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
        await gone;
      };
      await waitFor('Mosquitto', () => answers(Number(port)), 10_000);
    },
    end: () => end(),
  };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } finally {
    socket.destroy();
  }
}

async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
