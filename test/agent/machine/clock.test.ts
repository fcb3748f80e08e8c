import { expect, test } from 'vitest';
import { commandOf, compileParts, valuesOf } from './manifest.ts';

// Started at 08:30:00 UTC on 1 March 2026.
const commandWith = (clock: object, accelerator: 'kvm' | 'tcg' = 'kvm') =>
  commandOf(compileParts({ domain: { clock } }), { accelerator });

test.each([
  [{}, 'base=utc'],
  [{ utc: {} }, 'base=utc'],
  [{ utc: { offsetSeconds: -3600 } }, 'base=2026-03-01T07:30:00'],
  [{ timezone: 'Europe/Berlin' }, 'base=localtime'],
  [{ timer: { rtc: { tickPolicy: 'catchup', track: 'guest' } } }, 'base=utc,clock=vm,driftfix=slew'],
  [{ timer: { rtc: { tickPolicy: 'delay', track: 'wall' } } }, 'base=utc'],
])('%j starts the clock with %s', (clock, rtc) => {
  expect(valuesOf(commandWith(clock), '-rtc')).toEqual([rtc]);
});

test('timers are there or not, and tick late or never', () => {
  const timer = { hpet: { present: false }, pit: { present: false } };
  expect(valuesOf(commandWith({ timer }), '-machine')).toEqual([
    'q35,vmport=off,hpet=off,pit=off,dump-guest-core=off',
  ]);
  const policyOf = (tickPolicy: string, accelerator?: 'kvm' | 'tcg') =>
    valuesOf(commandWith({ timer: { pit: { tickPolicy } } }, accelerator), '-global');
  expect(policyOf('delay')).toEqual(['kvm-pit.lost_tick_policy=delay']);
  expect(policyOf('discard')).toEqual(['kvm-pit.lost_tick_policy=discard']);
  expect(policyOf('catchup')).toEqual([]);
  expect(policyOf('delay', 'tcg')).toEqual([]);
});
