import { ConfigError } from '../shared/config/load.ts';
import type { Address, ConfigOf } from '../shared/config/settings.ts';
import {
  LOG_LEVELS,
  about,
  address,
  brokerUrl,
  choice,
  file,
  flagOf,
  folder,
  integer,
  isLoopback,
  loopbackAddress,
  optionalAddress,
  streamUrl,
  text,
} from '../shared/config/settings.ts';

/** Every setting of the hub: flags, `HOLDFAST_*` variables, keys of the config file and `--help` come from here. */
export const HUB_SETTINGS = {
  ...about('The hub', {
    dataDir: folder({
      prose: 'where the store and the kubeconfig are kept',
      fallback: '/var/lib/holdfast/hub',
    }),
    apiListen: loopbackAddress({
      prose: 'where the API listens; port 0 picks a free one',
      fallback: '127.0.0.1:8080',
    }),
    logLevel: choice(LOG_LEVELS, { prose: 'the least severe lines that are logged', fallback: 'info' }),
    eventRetentionHours: integer(1, 24 * 365, { prose: 'hours that events are kept', fallback: '168' }),
    timelineRetentionHours: integer(1, 24 * 3650, {
      prose: "hours that devices' histories are kept",
      fallback: '720',
    }),
  }),
  ...about('The broker inside it', {
    mqttListen: address({
      prose: 'where devices connect, on loopback or over TLS; port 0 picks a free one',
      fallback: '127.0.0.1:1883',
    }),
    mqttCertificate: file({ prose: 'the certificate (PEM) that devices are shown: TLS', fallback: '' }),
    mqttKey: file({ prose: 'its key (PEM)', fallback: '' }),
    mqttClientCa: file({ prose: "who signs devices' certificates (PEM), each in its name", fallback: '' }),
  }),
  ...about('Consoles, displays and ports of machines, which devices dial out to the hub for', {
    tunnelListen: optionalAddress({
      prose: 'where devices come in with these, on loopback or over TLS; empty for where the API listens',
      fallback: '',
    }),
    tunnelUrl: streamUrl({
      prose:
        'the same as devices reach it, e.g. https://hub.example:8444; empty for that port of the host where they meet their broker',
      fallback: '',
    }),
    tunnelCertificate: file({
      prose: 'the certificate (PEM) that devices are shown there; empty for that of the broker',
      fallback: '',
    }),
    tunnelKey: file({ prose: 'its key (PEM)', fallback: '' }),
    tunnelClientCa: file({
      prose: "who signs devices' certificates (PEM), each in its name",
      fallback: '',
    }),
  }),
  ...about('A broker elsewhere', {
    broker: brokerUrl({ prose: 'an MQTT broker to use instead of the one inside the hub', fallback: '' }),
    brokerUser: text('USER', { prose: "the hub's name at that broker", fallback: 'holdfast_hub' }),
    brokerPasswordFile: file({ prose: "the file with the hub's password there", fallback: '' }),
    brokerCa: file({ prose: "who signs that broker's certificate (PEM)", fallback: '' }),
    brokerCertificate: file({ prose: "the hub's own certificate for that broker (PEM)", fallback: '' }),
    brokerKey: file({ prose: 'its key (PEM)', fallback: '' }),
  }),
};
export type HubConfig = ConfigOf<typeof HUB_SETTINGS>;

/** The names of a certificate, its key, and who signs those of devices: to be given together or not at all. */
const BROKER_TLS = ['mqttCertificate', 'mqttKey', 'mqttClientCa'] as const;
const TUNNEL_TLS = ['tunnelCertificate', 'tunnelKey', 'tunnelClientCa'] as const;

/**
 * What no setting shows alone.
 * @throws ConfigError
 */
export function checkHubConfig(config: HubConfig): void {
  const hasBrokerTls = checkTls(config, BROKER_TLS);
  const hasTunnelTls = checkTls(config, TUNNEL_TLS) || hasBrokerTls;
  if (config.broker === '' && !hasBrokerTls) requireLoopback('mqttListen', config.mqttListen, BROKER_TLS);
  if (config.tunnelListen !== undefined && !hasTunnelTls)
    requireLoopback('tunnelListen', config.tunnelListen, TUNNEL_TLS);
}

/** The paths of the certificate that devices are shown where they bring streams, its key, and who signs theirs. */
export function tunnelTlsFiles(config: HubConfig): readonly string[] | undefined {
  const given = [TUNNEL_TLS, BROKER_TLS].find(([certificate]) => config[certificate] !== '');
  return given?.map((key) => config[key]);
}

type TlsKeys = typeof BROKER_TLS | typeof TUNNEL_TLS;

function checkTls(config: HubConfig, keys: TlsKeys): boolean {
  const missing = keys.filter((key) => config[key] === '').map(flagOf);
  if (missing.length === 0 || missing.length === keys.length) return missing.length === 0;
  throw new ConfigError(
    `${missing.join(' and ')} must be given too: of ${keys.map(flagOf).join(', ')} all or none`,
  );
}

function requireLoopback(key: string, address: Address, tls: TlsKeys): void {
  if (isLoopback(address)) return;
  throw new ConfigError(
    `${flagOf(key)} must be a loopback address such as 127.0.0.1:${address.port}, ` +
      `or ${tls.map(flagOf).join(', ')} must be given`,
  );
}
