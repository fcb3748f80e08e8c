import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeContainerDisk, makeImage, makeTar, pack } from '../tools/container-image.ts';
import { readGuestImage } from '../tools/image-store.ts';
import type { Registry } from '../tools/registry.ts';
import { startRegistry } from '../tools/registry.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { World } from './world.ts';
import { createWorld } from './world.ts';

const GUEST = new URL('../../.holdfast/guest/', import.meta.url);

describe('machines from container images, as KubeVirt has them', () => {
  let world: World;
  let registry: Registry;

  beforeAll(async () => {
    world = await createWorld();
    registry = await startRegistry();
    await registry.push('kv/small-container-disk', 'devel', makeContainerDisk(readGuestImage()));
    const boot = ['vmlinuz', 'initrd'].map((name) => ({
      path: `boot/${name}`,
      content: readFileSync(new URL(name, GUEST)),
    }));
    await registry.push('kv/small-kernel', 'devel', makeImage([pack(makeTar(boot), 'zstd')]));
    await world.startHub();
    world.startAgent('edge-1', ['--registries', `registry:5000/kubevirt=http://${registry.host}/kv`]);
    await waitFor('the device', () => world.get('device', 'edge-1'));
  });
  afterAll(async () => {
    await world.close();
    await registry.close();
  });

  function manifest(name: string, domain: object, volumes: readonly object[]): object {
    return {
      apiVersion: 'kubevirt.io/v1',
      kind: 'VirtualMachine',
      metadata: { name, namespace: 'default' },
      spec: {
        runStrategy: 'Always',
        template: {
          spec: {
            nodeSelector: { 'kubernetes.io/hostname': 'edge-1' },
            terminationGracePeriodSeconds: 0,
            domain: {
              memory: { guest: '160Mi' },
              devices: {
                disks: volumes.length === 0 ? [] : [{ name: 'disk', disk: { bus: 'virtio' } }],
                interfaces: [{ name: 'default', masquerade: {}, ports: [{ port: 80 }] }],
              },
              ...domain,
            },
            networks: [{ name: 'default', pod: {} }],
            volumes,
          },
        },
      },
    };
  }

  test('a container disk boots, forgets what was written to it, and starts with its registry gone', async () => {
    const image = 'registry:5000/kubevirt/small-container-disk:devel';
    await world.apply(manifest('small', {}, [{ name: 'disk', containerDisk: { image } }]));
    await world.untilStatus('small', 'Running');
    const first = await world.guest(await world.port('small'));
    expect(first).toMatchObject({ boots: 1 });

    await registry.stop();
    await world.cutPower('edge-1');
    world.startAgent('edge-1', ['--registries', `registry:5000/kubevirt=http://${registry.host}/kv`]);
    const port = await world.port('small');
    const second = await waitFor('the guest of the next run', async () => {
      const answer = await world.guest(port);
      return answer.bootId !== first.bootId && answer;
    });
    expect(second).toMatchObject({ boots: 1 });
    await registry.start();
  });

  test('a kernel and what goes with it come from a container image too', async () => {
    const container = {
      image: 'registry:5000/kubevirt/small-kernel:devel',
      kernelPath: '/boot/vmlinuz',
      initrdPath: '/boot/initrd',
    };
    const firmware = { kernelBoot: { container, kernelArgs: 'console=ttyS0 quiet' } };
    await world.apply(manifest('bare', { firmware }, []));
    await world.untilStatus('bare', 'Running');
    expect(await world.guest(await world.port('bare'))).toMatchObject({ boots: 0 });
  });
});
