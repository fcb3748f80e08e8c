import { expect, test } from 'vitest';
import { checkHubConfig, HUB_SETTINGS } from '../../hub/config.ts';
import { loadConfig } from '../../shared/config/load.ts';

const load = (flags: Record<string, string>) => loadConfig(HUB_SETTINGS, { flags, environment: {} });
const tls = { mqttCertificate: '/c.pem', mqttKey: '/k.pem', mqttClientCa: '/ca.pem' };

test.each<[string, Record<string, string>]>([
  ['by itself', {}],
  ['on loopback over TLS', tls],
  ['anywhere over TLS with client certificates', { ...tls, mqttListen: '0.0.0.0:8883' }],
  ['for streams by the certificate of its broker', { ...tls, tunnelListen: '0.0.0.0:8444' }],
  ['for streams at a URL', { tunnelListen: '127.0.0.1:0', tunnelUrl: 'https://hub.example:8444/hub' }],
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
  [
    'for streams anywhere without TLS',
    { tunnelListen: '0.0.0.0:8444' },
    /^--tunnel-listen must be a loopback address such as 127.0.0.1:8444, or --tunnel-certificate, /,
  ],
  [
    'with a part of what streams need',
    { tunnelKey: '/k.pem' },
    /^--tunnel-certificate and --tunnel-client-ca/,
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

test('the URL of streams is one', () => {
  for (const tunnelUrl of ['hub.example:8444', 'ws://hub.example', 'https://hub.example?a=b'])
    expect(() => load({ tunnelUrl })).toThrow(/--tunnel-url must be http:\/\/HOST:PORT or https/);
});
