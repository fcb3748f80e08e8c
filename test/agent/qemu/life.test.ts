import { afterEach, expect, test } from 'vitest';
import { describeHappening } from '../../../agent/describe-happening.ts';
import type { Happened, Machines } from '../../../agent/ports.ts';
import {
  UID,
  createWorld,
  guestMachine,
  listen,
  observeOne,
  requestOf,
  until,
} from '../../contract/machines-world.ts';

/** What a real guest makes of being paused, reset and rebooted, and what its agent says of it. */

let world: ReturnType<typeof createWorld> | undefined;
afterEach(() => world?.clear());

const stateIs = async (machines: Machines, state: string) =>
  until(state, async () => (await observeOne(machines)).process?.runState === state);

test('a guest starts held, says what it is, and is rebooted by its agent and by its button', async () => {
  world = createWorld();
  const machines = world.open();
  await machines.start({ ...requestOf(guestMachine()), paused: true });
  await stateIs(machines, 'prelaunch');
  const console = listen(await machines.openConsole(UID));
  await machines.resume(UID);
  await console.says(/ready hostname/);

  await until('what the guest is', async () => (await observeOne(machines)).process?.guest !== undefined);
  const { process } = await observeOne(machines);
  expect(process?.guest).toMatchObject({
    agentVersion: expect.stringMatching(/^\d/) as string,
    hostname: 'pos',
  });
  expect(process?.guest?.os).toMatchObject({ kernelRelease: expect.stringContaining('.') as string });
  expect(process?.guest?.commands).toContainEqual({ name: 'guest-ping', enabled: true });
  expect(await machines.readGuest(UID)).toMatchObject({ hostname: 'pos', frozen: false });

  const happened: Happened[] = [];
  machines.onHappening((_uid, one) => happened.push(one));
  await machines.rebootGuest(UID);
  await console.says(/ready hostname[^]*ready hostname/);
  expect(happened.map((one) => describeHappening(one)?.reason)).toContain('GuestReset');
  await machines.powerButton(UID);
  await stateIs(machines, 'shutdown');
  await machines.reset(UID);
  await machines.resume(UID);
  await console.says(/(ready hostname[^]*){3}/);
  expect((await observeOne(machines)).process?.pid).toBe(process?.pid);
});
