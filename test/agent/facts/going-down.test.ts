import { expect, test } from 'vitest';
import { isGoingDown, readSystemState } from '../../../agent/facts/going-down.ts';

test.each([
  [{ systemd: 'stopping\n' }, true],
  [{ systemd: 'running\n' }, false],
  [{ systemd: 'degraded\n' }, false],
  [{ systemd: 'maintenance\n', runlevel: 'N 0' }, false],
  [{ runlevel: '2 0\n' }, true],
  [{ runlevel: '5 6\n' }, true],
  [{ runlevel: 'N 5\n' }, false],
  [{ runlevel: 'unknown\n' }, false],
  [{}, false],
])('%j means that the box goes down: %s', (state, goesDown) => {
  expect(isGoingDown(state)).toBe(goesDown);
});

test('a box on which tests run is not going down', async () => {
  expect(isGoingDown(await readSystemState())).toBe(false);
});
