import { ConfigError } from '../shared/config/load.ts';
import type { ConfigOf } from '../shared/config/settings.ts';
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

/**
 * What no setting shows alone.
 * @throws ConfigError
 */
export function checkHubConfig(config: HubConfig): void {
  const tls = ['mqttCertificate', 'mqttKey', 'mqttClientCa'] as const;
  const missing = tls.filter((key) => config[key] === '').map(flagOf);
  if (missing.length > 0 && missing.length < tls.length) {
    throw new ConfigError(
      `${missing.join(' and ')} must be given too: of ${tls.map(flagOf).join(', ')} all or none`,
    );
  }
  if (config.broker === '' && missing.length > 0 && !isLoopback(config.mqttListen)) {
    throw new ConfigError(
      `${flagOf('mqttListen')} must be a loopback address such as 127.0.0.1:${config.mqttListen.port}, ` +
        `or ${missing.join(', ')} must be given`,
    );
  }
}
