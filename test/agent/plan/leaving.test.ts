import { expect, test } from 'vitest';
import { createScenario, desiredMachine } from './scenario.ts';

/** A box that shuts down orderly: what runs is asked to shut down, and runs again afterwards as it did before. */

function leave(runStrategy: 'Always' | 'RerunOnFailure' | 'Manual' | 'Once') {
  const scenario = createScenario(desiredMachine(runStrategy));
  scenario.settle();
  if (runStrategy === 'Manual') scenario.order('start');
  scenario.settle();
  scenario.goDown(10_000);
  scenario.tick();
  expect(scenario.status).toMatchObject({ state: 'Stopping', message: 'the box is shutting down' });
  return scenario;
}

test.each(['Always', 'RerunOnFailure'] as const)(
  'under %s it is started again at once, and only then',
  (runStrategy) => {
    const scenario = leave(runStrategy);
    scenario.guest('shutdown');
    scenario.settle();
    scenario.pass(20);
    expect(scenario.status).toMatchObject({ state: 'Stopped', reason: 'BoxGoingDown' });
    expect([scenario.count('power-button') > 0, scenario.count('start')]).toEqual([true, 1]);
    scenario.goDown(undefined);
    scenario.reboot();
    scenario.settle();
    expect([scenario.state, scenario.count('start')]).toEqual(['Running', 2]);
  },
);

test('under Once it has run', () => {
  const scenario = leave('Once');
  scenario.guest('shutdown');
  scenario.settle();
  scenario.goDown(undefined);
  scenario.reboot();
  scenario.pass(60);
  expect([scenario.state, scenario.count('start')]).toEqual(['Failed', 1]);
});

test('a guest that takes its time has no more than the box gives it', () => {
  const scenario = leave('Always');
  scenario.pass(11);
  expect([scenario.count('quit') + scenario.count('kill') > 0, scenario.count('start')]).toEqual([true, 1]);
});

test('an agent that starts anew on a box that did not go down starts what it stopped', () => {
  const scenario = leave('Always');
  scenario.guest('shutdown');
  scenario.settle();
  scenario.goDown(undefined);
  scenario.settle();
  expect(scenario.state).toBe('Running');
});
