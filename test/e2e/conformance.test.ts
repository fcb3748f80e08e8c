import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { VirtualMachineInstance } from '../../shared/model/virtual-machine-instance.ts';
import { READY_LINE } from '../bench/small-machine.ts';
import {
  CONFORMANCE_FOLDER,
  CONFORMANCE_ROWS,
  describeAbsence,
  findConformanceFiles,
} from '../tools/conformance.ts';
import type { ContainerImage } from '../tools/container-image.ts';
import { makeContainerDisk, makeImage, makeTar, pack } from '../tools/container-image.ts';
import { readGuestImage } from '../tools/image-store.ts';
import type { LocalNetwork } from '../tools/local-network.ts';
import { createLocalNetwork } from '../tools/local-network.ts';
import { whyNoBridge, whyNoNetwork } from '../tools/namespace.ts';
import type { Registry } from '../tools/registry.ts';
import { startRegistry } from '../tools/registry.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { World } from './world.ts';
import { createWorld } from './world.ts';

/**
 * Manifests written for KubeVirt, applied as they are and started as their users start them: what docs/conformance.md
 * says to run runs, with the small guest in place of the systems that their images hold.
 */

const GUEST = new URL('../../.holdfast/guest/', import.meta.url);
const DISKS = [
  'alpine-container-disk-demo',
  'cirros-container-disk-demo',
  'fedora-with-test-tooling-container-disk',
];
const DEADLINE_MS = 300_000;
/** What the small guest's boot loader says; where it has 64 MB of memory, its kernel is too large for it. */
const LOADER_LINE = 'SYSLINUX';
/** What the user data of several of them prints. */
const USER_DATA = 'printed from cloud-init userdata';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly replicas?: number };
}

const files = findConformanceFiles();
const found = (outcome: string) => {
  const rows = CONFORMANCE_ROWS.filter((row) => row.outcome === outcome);
  return files.filter((path) => rows.some(({ file }) => file === basename(path)));
};
/** One of them has a bridge, which the box may be unable to make. */
const noBridge = whyNoBridge();
const isBridged = (path: string) => readText(path).includes('bridge: {}');
const isTiny = (path: string) => readText(path).includes('memory: 64M');
const running = found('runs').filter((path) => noBridge === undefined || !isBridged(path));
const waiting = [...found('waits'), ...found('runs').filter((path) => !running.includes(path))];

function readText(path: string): string {
  return readFileSync(join(CONFORMANCE_FOLDER, path), 'utf8');
}

/** As KubeVirt's example of it has its files. */
function makeKernelImage(): ContainerImage {
  const names = { vmlinuz: 'vmlinuz-virt', initrd: 'initramfs-virt' };
  const content = Object.entries(names).map(([name, path]) => ({
    path: `boot/${path}`,
    content: readFileSync(new URL(name, GUEST)),
  }));
  return makeImage([pack(makeTar(content), 'zstd')]);
}

describe.skipIf(files.length === 0)(`manifests written for KubeVirt${describeAbsence(files)}`, () => {
  let world: World;
  let registry: Registry;
  let network: LocalNetwork | undefined;

  beforeAll(async () => {
    world = await createWorld();
    registry = await startRegistry();
    const disk = makeContainerDisk(readGuestImage(), 'zstd');
    for (const name of DISKS) await registry.push(`kubevirt/${name}`, 'devel', disk);
    await registry.push('kubevirt/cirros-registry-disk-demo', 'latest', disk);
    await registry.push('kubevirt/alpine-ext-kernel-boot-demo', 'devel', makeKernelImage());
    await world.startHub();
    const { mqtt = '' } = world.addresses() ?? {};
    if (whyNoNetwork() === undefined) network = await createLocalNetwork([mqtt, registry.host]);
    const there = `http://${registry.host}/kubevirt`;
    const flags = ['--registries', `registry:5000/kubevirt=${there},docker.io/kubevirt=${there}`];
    world.startAgent('edge-1', flags, network?.within);
    await waitFor('the device', () => world.get('device', 'edge-1'));
  });
  afterAll(async () => {
    const server = readPid(join(world.agentDir('edge-1'), 'network/dnsmasq.pid'));
    await world.close();
    if (server !== undefined) process.kill(server, 'SIGKILL');
    await network?.close();
    await registry.close();
  });

  async function apply(path: string): Promise<Manifest> {
    await world.kubectl('apply', '-f', join(CONFORMANCE_FOLDER, path));
    const manifest = parse(readText(path)) as Manifest;
    if (manifest.kind === 'VirtualMachine') {
      const url = `/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines/${manifest.metadata.name}/start`;
      const started = await world.tryKubectl(['replace', '-f', '-', '--raw', url], '{}');
      expect(started.stderr).toBe('');
    }
    return manifest;
  }

  /** Waits until an instance satisfies `look`; fails with its status. */
  async function untilInstance(name: string, look: (instance: VirtualMachineInstance) => boolean) {
    let last: VirtualMachineInstance | undefined;
    return waitFor(
      name,
      async () => {
        last = await world.instance(name);
        return look(last) && last;
      },
      DEADLINE_MS,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}; its status is ${JSON.stringify(last?.status)}`, { cause: error });
    });
  }

  // A few at a time: a box that starts them all at once has each of them slow.
  describe.concurrent('run', { timeout: 2 * DEADLINE_MS }, () => {
    test.each(running)('%s', async (path) => {
      const { kind, metadata, spec } = await apply(path);
      const members = Array.from({ length: spec.replicas ?? 1 }, (_, index) => `${metadata.name}-${index}`);
      const names = kind === 'VirtualMachinePool' ? members : [metadata.name];
      for (const name of names) {
        const { metadata: seen } = await untilInstance(name, ({ status }) => status?.phase === 'Running');
        // A machine's folder has the name of the machine, not of its run.
        const uid = seen.ownerReferences?.[0]?.uid ?? seen.uid ?? '';
        const console = () => world.console('edge-1', uid);
        const hello = isTiny(path) ? LOADER_LINE : READY_LINE;
        await waitFor(`the guest of ${name}`, () => console().includes(hello), DEADLINE_MS);
        // Of a SATA disk the small guest can't read its seed: it has a driver for virtio alone.
        if (readText(path).includes(USER_DATA) && !path.includes('sata')) {
          expect(console()).toContain(USER_DATA);
        }
        if (readText(path).includes('efi:')) expect(console()).toContain('BdsDxe: starting');
      }
      await world.kubectl('delete', '-f', join(CONFORMANCE_FOLDER, path), '--wait=false');
    });
  });

  test.each(waiting)(
    '%s does not run, and its Ready condition says why',
    { timeout: DEADLINE_MS },
    async (path) => {
      const { metadata } = await apply(path);
      const wanted = path.includes('gpu') ? /nvidia\.com\/GP102GL_Tesla_P40/ : /ptp-conf|bridge/;
      const isReason = (instance: VirtualMachineInstance) => {
        const ready = instance.status?.conditions?.find(({ type }) => type === 'Ready');
        return ready?.status === 'False' && wanted.test(ready.message ?? '');
      };
      const { status } = await untilInstance(metadata.name, isReason);
      expect(status?.phase).not.toBe('Running');
    },
  );
});

function readPid(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    // It never had a bridge.
    return undefined;
  }
}
