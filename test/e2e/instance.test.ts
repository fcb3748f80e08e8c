import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../tools/wait-for.ts';
import type { World } from './world.ts';
import { createWorld } from './world.ts';

const GUEST = new URL('../../.holdfast/guest/', import.meta.url);

describe('an instance of its own, booted from a kernel on the box', () => {
  let world: World;
  let port: number;
  let uid: string;

  beforeAll(async () => {
    world = await createWorld();
    const local = join(world.folder, 'local');
    mkdirSync(join(local, 'guest'), { recursive: true });
    for (const file of ['vmlinuz', 'initrd']) copyFileSync(new URL(file, GUEST), join(local, 'guest', file));
    await world.startHub();
    world.startAgent('edge-1', ['--local-images', local]);
    await waitFor('the device', () => world.get('device', 'edge-1'));
    await world.apply(manifest(`file://${local}/guest`));
    await waitFor('Running', async () => (await world.instance('till')).status?.phase === 'Running');
    port = await world.port('till');
    await world.guest(port);
    uid = (await world.instance('till')).metadata.uid ?? '';
  });
  afterAll(() => world.close());

  function manifest(image: string): object {
    return {
      apiVersion: 'kubevirt.io/v1',
      kind: 'VirtualMachineInstance',
      metadata: { name: 'till', namespace: 'default' },
      spec: {
        nodeSelector: { 'kubernetes.io/hostname': 'edge-1' },
        hostname: 'till-7',
        domain: {
          cpu: { cores: 2 },
          memory: { guest: '160Mi' },
          firmware: {
            kernelBoot: {
              kernelArgs: 'console=ttyS0 quiet',
              container: { image, kernelPath: '/vmlinuz', initrdPath: '/initrd' },
            },
          },
          devices: {
            disks: [{ name: 'seed', disk: { bus: 'virtio' } }],
            interfaces: [{ name: 'default', masquerade: {}, ports: [{ port: 80 }] }],
          },
        },
        networks: [{ name: 'default', pod: {} }],
        volumes: [
          {
            name: 'seed',
            cloudInitNoCloud: {
              userDataBase64: Buffer.from('#!/bin/sh\necho base64-$((6 * 7))\n').toString('base64'),
              networkData: 'version: 2\nethernets:\n  eth0:\n    dhcp4: true\n',
            },
          },
        ],
      },
    };
  }

  test('has the CPUs, the name and the seed that its manifest gives', async () => {
    expect(await world.guest(port)).toMatchObject({ hostname: 'till-7', instanceId: uid, boots: 0, cpus: 2 });
    expect(world.console('edge-1', uid)).toContain('base64-42');
    expect(world.console('edge-1', uid)).toContain('network-config found');
    expect((await world.tryKubectl(['get', 'vm'])).stdout).toBe('');
  });

  test('is over when its guest shuts down, and is not started again', async () => {
    await fetch(`http://127.0.0.1:${port}/cgi-bin/poweroff`);
    await waitFor('Succeeded', async () => (await world.instance('till')).status?.phase === 'Succeeded');
    expect(world.qemus('edge-1')).toEqual([]);
    expect(world.console('edge-1', uid)).toContain('holdfast-guest: shutting down');
  });

  test('can be deleted', async () => {
    await world.kubectl('delete', 'vmi', 'till');
    expect((await world.tryKubectl(['get', 'vmi'])).stdout).toBe('');
  });
});
