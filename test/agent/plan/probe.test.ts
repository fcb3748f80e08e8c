import { describe, expect, test } from 'vitest';
import { NO_TRIES, countTry } from '../../../agent/plan/probe.ts';
import type { RunStrategy } from '../../../shared/model/virtual-machine.ts';
import { createScenario, desiredMachine } from './scenario.ts';

/** Tries as a word, `+` for one that succeeded, and what is found after each: `?` while that is not decided. */
function count(tries: string, successThreshold: number, failureThreshold: number): string {
  let counted = NO_TRIES;
  return tries
    .split('')
    .map((one) => {
      counted = countTry(counted, { successThreshold, failureThreshold }, one === '+');
      return counted.found === undefined ? '?' : counted.found ? '+' : '-';
    })
    .join('');
}

test.each([
  ['+--+---+', 1, 3, '++++++-+'],
  ['--+-++-++', 2, 2, '?----++++'],
  ['---', 1, 1, '---'],
  ['-+-+', 3, 3, '????'],
])('%s with %i and %i in a row finds %s', (tries, success, failure, found) => {
  expect(count(tries, success, failure)).toBe(found);
});

const PROBE = { guestAgentPing: {} };

function running(runStrategy: RunStrategy, spec: object) {
  const desired = desiredMachine(runStrategy);
  const scenario = createScenario({ ...desired, spec: { ...desired.spec, ...spec } });
  scenario.settle();
  return scenario;
}

describe('a readiness probe', () => {
  test('makes a machine ready, and not, and ends nothing', () => {
    const scenario = running('Always', { readinessProbe: PROBE });
    expect(scenario.status).toMatchObject({ state: 'Running', reason: 'NotReady', ready: false });
    scenario.probe({ ready: { ok: true, detail: 'it answers' } });
    scenario.tick();
    expect(scenario.status).toMatchObject({ state: 'Running', reason: 'Running', ready: true });
    scenario.probe({ ready: { ok: false, detail: 'no answer' } });
    scenario.pass(600);
    expect(scenario.status).toMatchObject({
      state: 'Running',
      ready: false,
      message: 'the guest runs, and is not ready: no answer',
    });
    expect(scenario.events.filter((event) => event === 'NotReady')).toHaveLength(1);
    expect(scenario.actions).toEqual(['start']);
  });

  test('is remembered by an agent that starts anew, and not in the next run', () => {
    const scenario = running('Always', { readinessProbe: PROBE });
    scenario.probe({ ready: { ok: true, detail: 'it answers' } });
    scenario.tick();
    scenario.probe(undefined);
    scenario.pass(60);
    expect(scenario.status).toMatchObject({ ready: true });
    scenario.guest('shutdown');
    scenario.settle();
    expect(scenario.status).toMatchObject({ state: 'Running', ready: false });
  });

  test('that is taken back leaves a machine that is ready by running', () => {
    const scenario = running('Always', { readinessProbe: PROBE });
    scenario.want(desiredMachine('Always', { generation: 2 }));
    scenario.settle();
    expect(scenario.status).toMatchObject({ state: 'Running', reason: 'Running' });
    expect(scenario.status).not.toHaveProperty('ready');
  });
});

describe('a liveness probe that fails', () => {
  const die = (runStrategy: RunStrategy) => {
    const scenario = running(runStrategy, { livenessProbe: PROBE });
    scenario.probe({ dead: 'no answer' });
    scenario.tick();
    expect(scenario.status).toMatchObject({
      state: 'Stopping',
      message: 'the liveness probe failed: no answer',
    });
    scenario.probe(undefined);
    scenario.guest('shutdown');
    scenario.settle();
    return scenario;
  };

  test.each(['Always', 'RerunOnFailure'] as const)('starts the machine again under %s', (runStrategy) => {
    const scenario = die(runStrategy);
    expect([scenario.state, scenario.count('start')]).toEqual(['Running', 2]);
    expect(scenario.events).toEqual(expect.arrayContaining(['LivenessProbeFailed', 'Failed']));
  });

  test('leaves it failed under Once', () => {
    expect(die('Once').status).toMatchObject({
      state: 'Failed',
      message: expect.stringContaining('liveness') as string,
    });
  });

  test('counts as a run that ended too soon, so that a loop of them waits longer and longer', () => {
    const scenario = die('Always');
    for (let run = 2; run <= 3; run += 1) {
      scenario.probe({ dead: 'no answer' });
      scenario.tick();
      scenario.probe(undefined);
      scenario.guest('shutdown');
      scenario.settle();
    }
    expect(scenario.status).toMatchObject({
      state: 'BackOff',
      message: expect.stringMatching(/liveness probe failed.*3 runs in a row/) as string,
    });
  });

  test('ends a guest that does not hear its button, within the grace period', () => {
    const scenario = running('Always', { livenessProbe: PROBE });
    scenario.probe({ dead: 'no answer' });
    scenario.tick();
    scenario.probe(undefined);
    scenario.pass(31);
    expect([scenario.count('quit') + scenario.count('kill') > 0, scenario.count('start')]).toEqual([true, 2]);
  });
});
