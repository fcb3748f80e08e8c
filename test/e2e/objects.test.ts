import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TrashEntry } from '../../agent/trash-port.ts';
import type { DataVolume } from '../../shared/model/data-volume-object.ts';
import { runHoldfast } from '../tools/holdfast.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { World } from './world.ts';
import { createWorld } from './world.ts';

const GUEST = new URL('../../.holdfast/guest/', import.meta.url);

/** Says what the ledger holds, and adds the machine's name to it. */
const USER_DATA = `#!/bin/sh
disk=/dev/vda
before=$(dd if=$disk bs=512 count=1 2>/dev/null | tr -d '\\0')
echo "the ledger held: $before."
printf '%s %s' "$before" "$(hostname)" | dd of=$disk conv=notrunc,fsync 2>/dev/null
`;

describe('what machines name: a Secret, and a disk that outlives them', () => {
  let world: World;

  beforeAll(async () => {
    world = await createWorld();
    mkdirSync(join(world.folder, 'guest'));
    for (const file of ['vmlinuz', 'initrd'])
      copyFileSync(new URL(file, GUEST), join(world.folder, 'guest', file));
    await world.startHub();
    world.startAgent('edge-1', ['--local-images', world.folder]);
    await waitFor('the device', () => world.get('device', 'edge-1'));
  });
  afterAll(() => world.close());

  /** A machine that has no disk but the ledger. */
  function manifest(name: string): object {
    const container = {
      image: `file://${world.folder}/guest`,
      kernelPath: '/vmlinuz',
      initrdPath: '/initrd',
    };
    return {
      apiVersion: 'kubevirt.io/v1',
      kind: 'VirtualMachine',
      metadata: { name, namespace: 'default' },
      spec: {
        runStrategy: 'Always',
        template: {
          spec: {
            nodeSelector: { 'kubernetes.io/hostname': 'edge-1' },
            hostname: name,
            domain: {
              memory: { guest: '160Mi' },
              firmware: { kernelBoot: { kernelArgs: 'console=ttyS0 quiet', container } },
              devices: {
                autoattachPodInterface: false,
                disks: ['ledger', 'seed'].map((disk) => ({ name: disk, disk: { bus: 'virtio' } })),
              },
            },
            volumes: [
              { name: 'ledger', dataVolume: { name: 'ledger' } },
              { name: 'seed', cloudInitNoCloud: { secretRef: { name: 'seed' } } },
            ],
          },
        },
      },
    };
  }
  const ready = async (name: string) =>
    (await world.machine(name)).status?.conditions?.find(({ type }) => type === 'Ready');
  const ledger = async () => world.get<DataVolume>('datavolume', 'ledger');

  /** What a machine's guest found on the ledger. */
  async function heldBefore(name: string): Promise<string | undefined> {
    await world.untilStatus(name, 'Running');
    const { uid = '' } = (await world.machine(name)).metadata;
    // It is ready when its user data has run.
    await waitFor(name, () => world.console('edge-1', uid).includes('holdfast-guest: ready'), 150_000);
    return /the ledger held: (.*)\./.exec(world.console('edge-1', uid))?.[1];
  }
  async function trash(): Promise<TrashEntry[]> {
    const list = ['vm', 'trash', 'list', '--data-dir', world.agentDir('edge-1'), '-o', 'json'];
    return JSON.parse((await runHoldfast(list)).stdout) as TrashEntry[];
  }

  test('a disk of its own waits for who uses it, a machine for the Secret that its seed is in', async () => {
    await world.apply({
      apiVersion: 'cdi.kubevirt.io/v1beta1',
      kind: 'DataVolume',
      metadata: { name: 'ledger', namespace: 'default' },
      spec: { source: { blank: {} }, storage: { resources: { requests: { storage: '16Mi' } } } },
    });
    await waitFor('its phase', async () => (await ledger()).status?.phase === 'WaitForFirstConsumer');
    await world.apply(manifest('first'));
    await waitFor('the reason', async () => (await ready('first'))?.reason === 'SecretNotFound');
    expect((await ready('first'))?.message).toContain('seed');
    expect(world.qemus('edge-1')).toEqual([]);

    await world.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'seed', namespace: 'default' },
      stringData: { userdata: USER_DATA },
    });
    expect(await heldBefore('first')).toBe('');
    await waitFor('its phase', async () => (await ledger()).status?.phase === 'Succeeded');
  });

  test('the next machine finds on the disk what the one before left, which is deleted by then', async () => {
    await world.kubectl('delete', 'vm', 'first');
    expect((await ledger()).status?.phase).toBe('Succeeded');
    await world.apply(manifest('second'));
    expect(await heldBefore('second')).toBe(' first');
  });

  test('the disk is deleted once nobody uses it, and is in the trash then', async () => {
    await world.kubectl('delete', 'datavolume', 'ledger', '--wait=false');
    expect(await ready('second')).toMatchObject({ status: 'True' });
    expect((await ledger()).metadata.deletionTimestamp).toBeDefined();

    await world.kubectl('delete', 'vm', 'second');
    await waitFor(
      'its end',
      async () => (await world.tryKubectl(['get', 'datavolume', 'ledger'])).code !== 0,
    );
    const kept = await waitFor('the trash', async () =>
      (await trash()).find(({ name }) => name === 'ledger'),
    );
    expect(kept.disks).toMatchObject([{ dataVolume: 'ledger' }]);
  });
});
