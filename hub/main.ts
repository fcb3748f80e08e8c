import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, loadConfig } from '../shared/config/load.ts';
import { createClock } from '../shared/host/clock.ts';
import { writeFileDurably } from '../shared/host/files.ts';
import { lockFolder } from '../shared/host/lock.ts';
import { createLog } from '../shared/host/log.ts';
import { readMqttAccess } from '../shared/host/mqtt-access.ts';
import { createRandom } from '../shared/host/random.ts';
import type { Log } from '../shared/ports.ts';
import { readPlace } from '../shared/tunnel/place.ts';
import { VERSION } from '../shared/version.ts';
import { createApi } from './api/api.ts';
import { compileKubeconfig } from './api/kubeconfig.ts';
import { readTokenKey } from './auth/token-key.ts';
import { createTokens } from './auth/tokens.ts';
import { ADMIN } from './auth/user.ts';
import { createEmbeddedBroker } from './broker/embedded-broker.ts';
import { createMqttBroker } from './broker/mqtt-broker.ts';
import type { HubConfig } from './config.ts';
import { HUB_SETTINGS, checkHubConfig, tunnelTlsFiles } from './config.ts';
import { createHub } from './hub.ts';
import type { Broker, Tunnel } from './ports.ts';
import { createStore } from './store/store.ts';
import { createTunnelListener } from './tunnel/listener.ts';
import { createTunnel } from './tunnel/tunnel.ts';

const HOUR_MS = 3_600_000;
/** In the data folder: where the hub listens. */
const ADDRESSES = 'addresses.json';

/** Runs the hub until SIGTERM or SIGINT. */
export async function runHub(flags: Readonly<Record<string, string | undefined>>): Promise<void> {
  const config = loadConfig(HUB_SETTINGS, { flags, environment: process.env });
  checkHubConfig(config);
  const { dataDir, apiListen } = config;
  const log = createLog(config.logLevel, 'hub');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const unlock = await lockFolder(dataDir);
  const tokens = createTokens(readTokenKey(dataDir, writeFileDurably));
  const hub = createHub(
    {
      version: VERSION,
      apiListen,
      eventRetentionMs: config.eventRetentionHours * HOUR_MS,
      timelineRetentionMs: config.timelineRetentionHours * HOUR_MS,
    },
    {
      store: await createStore(join(dataDir, 'hub.db')),
      broker: chooseBroker(config, log),
      serveApi: createApi,
      tunnel: composeTunnel(config, log),
      authenticate: tokens.authenticate,
      clock: createClock(),
      random: createRandom(),
      log,
    },
  );
  const addresses = await hub.start();
  writeFileDurably(
    join(dataDir, 'admin.kubeconfig'),
    compileKubeconfig(addresses.api, { user: ADMIN.name, token: tokens.issue(ADMIN) }),
  );
  // After the kubeconfig: who waits for the one finds the other.
  writeFileDurably(join(dataDir, ADDRESSES), `${JSON.stringify(addresses)}\n`);
  log.info({ dataDir, ...addresses, version: VERSION }, 'hub started');

  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  await hub.stop();
  unlock();
  log.info({}, 'hub stopped');
}

/** Where devices bring streams, and what they are told of that. */
function composeTunnel(config: HubConfig, log: Log): Tunnel {
  const { tunnelListen, tunnelUrl } = config;
  const [certificate, key, clientCa] = (tunnelTlsFiles(config) ?? []).map((path) =>
    readFileSync(path, 'utf8'),
  );
  const hasTls = certificate !== undefined && key !== undefined && clientCa !== undefined;
  return createTunnel({
    told: tunnelUrl === undefined ? {} : readPlace(tunnelUrl),
    ...(tunnelListen !== undefined && {
      listener: createTunnelListener(tunnelListen, hasTls ? { certificate, key, clientCa } : undefined),
    }),
    clock: createClock(),
    log,
  });
}

export interface KubeconfigFlags {
  readonly user: string;
  readonly group?: readonly string[] | undefined;
  readonly server?: string | undefined;
}

/** Prints a kubeconfig that a hub of this computer knows a user by. @throws ConfigError where there is no hub */
export async function printKubeconfig(
  flags: Readonly<Record<string, string | undefined>>,
  { user, group = [], server }: KubeconfigFlags,
): Promise<void> {
  const { dataDir } = loadConfig({ dataDir: HUB_SETTINGS.dataDir }, { flags, environment: process.env });
  const path = join(dataDir, ADDRESSES);
  if (!existsSync(path)) {
    throw new ConfigError(`no hub was ever started in ${dataDir}: give its folder with --data-dir`);
  }
  const { api } = JSON.parse(readFileSync(path, 'utf8')) as { api: string };
  const token = createTokens(readTokenKey(dataDir, writeFileDurably)).issue({ name: user, groups: group });
  process.stdout.write(compileKubeconfig(server ?? api, { user, token }));
}

/** The broker inside the hub, or one of the operator's own. */
export function chooseBroker(config: HubConfig, log: Log): Broker {
  if (config.broker !== '') {
    const access = readMqttAccess(config.broker, {
      user: config.brokerUser,
      passwordFile: config.brokerPasswordFile,
      ca: config.brokerCa,
      certificate: config.brokerCertificate,
      key: config.brokerKey,
    });
    return createMqttBroker(access, { clock: createClock(), random: createRandom(), log });
  }
  if (config.mqttCertificate === '') return createEmbeddedBroker(config.mqttListen, log);
  return createEmbeddedBroker(config.mqttListen, log, {
    certificate: readFileSync(config.mqttCertificate, 'utf8'),
    key: readFileSync(config.mqttKey, 'utf8'),
    clientCa: readFileSync(config.mqttClientCa, 'utf8'),
  });
}
