import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import { waitFor } from '../tools/wait-for.ts';
import { compileIdleMachine } from './idle-machine.ts';
import type { World } from './world.ts';
import { createWorld } from './world.ts';

/** What becomes of a pool's machine that runs when the pool's template changes in what needs a restart. */

describe('a change of a pool that needs a restart', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
    await world.startHub();
    world.startAgent('edge-1');
    await waitFor('the device', () => world.get('device', 'edge-1'));
  });
  afterAll(() => world.close());

  const pool = (name: string, serial: string, updateStrategy?: object) => {
    const { spec } = compileIdleMachine(name, 'edge-1') as Pick<VirtualMachine, 'spec'>;
    spec.template.spec.domain.firmware = { serial };
    const labels = { pool: name };
    return world.apply({
      apiVersion: 'pool.kubevirt.io/v1beta1',
      kind: 'VirtualMachinePool',
      metadata: { name, namespace: 'default' },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        virtualMachineTemplate: { metadata: { labels }, spec },
        ...(updateStrategy && { updateStrategy }),
      },
    });
  };
  const serial = async (name: string) => (await world.instance(name)).spec.domain.firmware?.serial;
  const condition = async (name: string) =>
    (await world.machine(name)).status?.conditions?.find(({ type }) => type === 'RestartRequired')?.message;
  /** The process that runs a machine, as it is in the local list of the box. */
  const pid = async (name: string) => (await world.localMachine('edge-1', name))?.pid;

  test('restarts it, unless the pool leaves that to others, which says so and shows what runs', async () => {
    await pool('lane', 'A');
    await pool('desk', 'A', { opportunistic: {} });
    const names = ['lane-0', 'desk-0'];
    for (const name of names) await world.untilStatus(name, 'Running');
    const [lane, desk] = await Promise.all(names.map(pid));
    expect(await Promise.all(names.map(serial))).toEqual(['A', 'A']);

    await pool('lane', 'B');
    await pool('desk', 'B', { opportunistic: {} });
    await waitFor('the restart', async () => ![undefined, lane].includes(await pid('lane-0')));
    await world.untilStatus('lane-0', 'Running');
    await waitFor('its new spec', async () => (await serial('lane-0')) === 'B');
    expect(await condition('lane-0')).toBeUndefined();

    const message = await waitFor('RestartRequired', () => condition('desk-0'));
    expect(message).toBe('changes take effect at the next start: spec.template.spec.domain.firmware.serial');
    expect([await serial('desk-0'), await pid('desk-0')]).toEqual(['A', desk]);
  });
});
