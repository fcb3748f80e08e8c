import { LOG_LEVELS, choice, folder, integer, loopbackAddress } from '../shared/config/settings.ts';

/** Every setting of the hub: flags, `HOLDFAST_*` variables, keys of the config file and `--help` come from here. */
export const HUB_SETTINGS = {
  dataDir: folder({
    prose: 'where the store and the kubeconfig are kept',
    fallback: '/var/lib/holdfast/hub',
  }),
  apiListen: loopbackAddress({
    prose: 'where the API listens; port 0 picks a free one',
    fallback: '127.0.0.1:8080',
  }),
  mqttListen: loopbackAddress({
    prose: 'where devices connect; port 0 picks a free one',
    fallback: '127.0.0.1:1883',
  }),
  eventRetentionHours: integer(1, 24 * 365, { prose: 'hours that events are kept', fallback: '168' }),
  timelineRetentionHours: integer(1, 24 * 3650, {
    prose: "hours that devices' histories are kept",
    fallback: '720',
  }),
  logLevel: choice(LOG_LEVELS, { prose: 'the least severe lines that are logged', fallback: 'info' }),
};
