import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RELEASE_ANNOTATION } from '../../../hub/machines/override.ts';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import type { MachineStatus } from '../../../shared/model/machine.ts';
import { machine } from '../api/start-api.ts';
import type { HubWorld } from '../devices/hub-world.ts';
import { poll, startHub } from '../devices/hub-world.ts';
import type { Received, ScriptedDevice } from '../devices/scripted-device.ts';
import { statusOf } from '../devices/scripted-device.ts';

/** Orders given on a box, at the hub: how they show, and how they are released. */

const AT = '2026-03-01T08:00:00.250Z';
const OVERRIDE: MachineStatus['override'] = { verb: 'stop', at: AT, reason: 'cleaning the till', by: 'anna' };

let hub: HubWorld;
let device: ScriptedDevice;
let uid: string;
beforeEach(async () => {
  hub = await startHub();
  device = await hub.join();
  const { spec, ...rest } = machine('pos');
  const { template } = spec as { template: { spec: object } };
  const nodeSelector = { 'kubernetes.io/hostname': 'edge-1' };
  const placed = { runStrategy: 'Always', template: { spec: { ...template.spec, nodeSelector } } };
  uid = await hub.create({ ...rest, spec: placed } as ResourceObject);
  await device.takeDocument();
});
afterEach(() => hub.close());

async function report(state: MachineStatus['state'], more: Partial<MachineStatus> = {}): Promise<void> {
  const sequence = await device.tell(statusOf(uid, state, more));
  await poll(() => device.acks.at(-1)).toBe(sequence);
}

async function condition() {
  const { status } = (await hub.machine('pos')) ?? {};
  const found = status?.conditions?.find(({ type }) => type === 'LocalOverride');
  return found === undefined ? undefined : `${found.reason}: ${found.message}`;
}

const releasedBy = ({ machines }: Received) => machines.map(({ releasedOverride }) => releasedOverride);
const annotate = (at: string | null) =>
  hub.patch('pos', { metadata: { annotations: { [RELEASE_ANNOTATION]: at } } });

describe('an order given on a box', () => {
  test('shows on its machine with how it is ended, and on its device, and changes nothing that is desired', async () => {
    await report('Stopped', { override: OVERRIDE });
    await poll(condition).toBe(
      `OrderedOnBox: a stop was ordered on the box by anna at ${AT} (the box's clock): cleaning the till. ` +
        `It holds, though the run strategy is Always, until 'kubectl annotate --overwrite virtualmachine pos ` +
        `-n default holdfast.dev/release-override=${AT}', or 'holdfast vm start default/pos' on the box`,
    );
    await poll(() => hub.condition('edge-1', 'LocalOverride')).toBe(
      'True: orders given on the box hold: default/pos (stop)',
    );
    expect((await hub.device('edge-1'))?.status).toMatchObject({ machines: 1, overriddenMachines: 1 });
    await report('Running');
    await poll(condition).toBeUndefined();
    await poll(() => hub.condition('edge-1', 'LocalOverride')).toBeUndefined();
    expect(device.documents).toEqual([]);
  });

  test('is released by its time, and no other order with it', async () => {
    await report('Stopped', { override: OVERRIDE });
    await annotate(AT);
    expect(releasedBy(await device.takeDocument())).toEqual([AT]);
    await poll(condition).toMatch(
      /^Released: a stop was .* has released it, and device edge-1 has yet to say/,
    );
    await report('Running');
    await poll(condition).toBeUndefined();

    const later = { verb: 'stop', at: '2026-03-01T09:00:00.000Z', reason: 'again' } as const;
    await report('Stopped', { override: later });
    await poll(condition).toMatch(/^OrderedOnBox: a stop was ordered on the box at 2026-03-01T09/);
    expect(device.documents).toEqual([]);
  });

  test.each(['now', '2026-03-01', '2026-03-01T08:00:00Z', '2026-03-01T10:00:00.250+02:00'])(
    'is not released by "%s", which is refused',
    async (at) => {
      await expect(annotate(at)).rejects.toThrow(
        `metadata.annotations[${RELEASE_ANNOTATION}]: Invalid value: must be the time of the order`,
      );
    },
  );
});

describe('a device that is to release orders', () => {
  test('gets each released as soon as the hub learns of it', async () => {
    await hub.patchDevice('edge-1', { spec: { localOverrides: 'Release' } });
    await report('Stopped', { override: OVERRIDE });
    expect(releasedBy(await device.takeDocument())).toEqual([AT]);
    await report('Running');
    expect(releasedBy(await device.takeDocument())).toEqual([undefined]);
  });

  test('gets what held before released too', async () => {
    await report('Stopped', { override: OVERRIDE });
    await poll(condition).toMatch(/^OrderedOnBox/);
    await hub.patchDevice('edge-1', { spec: { localOverrides: 'Release' } });
    expect(releasedBy(await device.takeDocument())).toEqual([AT]);
    await poll(condition).toMatch(/^Released/);
    await hub.patchDevice('edge-1', { spec: { localOverrides: 'Keep' } });
    expect(releasedBy(await device.takeDocument())).toEqual([undefined]);
    await poll(condition).toMatch(/^OrderedOnBox/);
  });

  test('has a policy that is one of two', async () => {
    const patch = hub.patchDevice('edge-1', { spec: { localOverrides: 'Ignore' } });
    await expect(patch).rejects.toThrow(/spec.localOverrides.*Keep.*Release/);
  });
});
