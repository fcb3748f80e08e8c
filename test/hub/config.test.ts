import { expect, test } from 'vitest';
import { checkHubConfig, HUB_SETTINGS } from '../../hub/config.ts';
import { loadConfig } from '../../shared/config/load.ts';

const load = (flags: Record<string, string>) => loadConfig(HUB_SETTINGS, { flags, environment: {} });
const tls = { mqttCertificate: '/c.pem', mqttKey: '/k.pem', mqttClientCa: '/ca.pem' };

test.each<[string, Record<string, string>]>([
  ['by itself', {}],
  ['on loopback over TLS', tls],
  ['anywhere over TLS with client certificates', { ...tls, mqttListen: '0.0.0.0:8883' }],
  ['elsewhere than the broker', { broker: 'mqtts://broker.example:8883', mqttListen: '0.0.0.0:8883' }],
])('the hub listens %s', (_, flags) => {
  expect(() => checkHubConfig(load(flags))).not.toThrow();
});

test.each<[string, Record<string, string>, RegExp]>([
  [
    'anywhere without TLS',
    { mqttListen: '0.0.0.0:1883' },
    /^--mqtt-listen must be a loopback address .* --mqtt-certificate, --mqtt-key, --mqtt-client-ca must be given/,
  ],
  ['with a part of what TLS needs', { ...tls, mqttKey: '' }, /^--mqtt-key must be given too/],
  [
    'anywhere without certificates of clients',
    { ...tls, mqttClientCa: '', mqttListen: '0.0.0.0:8883' },
    /^--mqtt-client-ca must be given too/,
  ],
])('the hub does not listen %s', (_, flags, message) => {
  expect(() => checkHubConfig(load(flags))).toThrow(message);
});
