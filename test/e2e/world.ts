import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { LocalStatus } from '../../agent/local/door.ts';
import type { Event } from '../../shared/model/event.ts';
import type { VirtualMachineInstance } from '../../shared/model/virtual-machine-instance.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import type { Service } from '../tools/holdfast.ts';
import { runHoldfast, startService } from '../tools/holdfast.ts';
import type { ImageStore } from '../tools/image-store.ts';
import { createImageStore, readGuestImage } from '../tools/image-store.ts';
import { kubectl } from '../tools/kubectl.ts';
import { qemusBelow } from '../tools/processes.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { MachineOptions } from './manifest.ts';
import { compileManifest } from './manifest.ts';

export const GUEST_IMAGE = 'guest.qcow2';

/** What the guest answers on `/`. */
export interface GuestAnswer {
  readonly hostname: string;
  readonly instanceId: string;
  readonly uptimeSeconds: number;
  readonly bootId: string;
  readonly boots: number;
  readonly disks: readonly { readonly name: string; readonly bytes: number }[];
  readonly memoryBytes: number;
}

export type World = Awaited<ReturnType<typeof createWorld>>;

/** A hub, boxes and an image store, all real processes in one folder; `close` ends every one of them. */
export async function createWorld() {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-e2e-'));
  // QEMU runs as a user of its own and has to pass through.
  chmodSync(folder, 0o755);
  const kubeconfig = join(folder, 'hub/admin.kubeconfig');
  const images: ImageStore = await createImageStore();
  const checksum = images.add(GUEST_IMAGE, readGuestImage());
  const services = new Map<string, Service>();
  let addresses: { api: string; mqtt: string } | undefined;

  const agentDir = (name: string) => join(folder, name);

  const world = {
    folder,
    kubeconfig,
    images,
    checksum,
    agentDir,
    service: (name: string) => services.get(name),

    /** Starts the hub with further flags, on the same addresses as before if it was there before. */
    async startHub(more: readonly string[] = []) {
      const dataDir = join(folder, 'hub');
      const listen = [
        '--api-listen',
        addresses?.api ?? '127.0.0.1:0',
        '--mqtt-listen',
        addresses?.mqtt ?? '127.0.0.1:0',
      ];
      mkdirSync(dataDir, { recursive: true });
      rmSync(join(dataDir, 'addresses.json'), { force: true });
      services.set(
        'hub',
        startService(['hub', '--data-dir', dataDir, ...listen, ...more], join(folder, 'hub.log')),
      );
      addresses = await waitFor('the hub', () => {
        return JSON.parse(readFileSync(join(dataDir, 'addresses.json'), 'utf8')) as {
          api: string;
          mqtt: string;
        };
      });
    },

    /** The hub's addresses as `HOST:PORT`, once it was started. */
    addresses: () => addresses,

    /** Starts an agent with further flags, in the network that the words `within` lead to. */
    startAgent(name: string, more: readonly string[] = [], within: readonly string[] = []) {
      const hub = `mqtt://${addresses?.mqtt ?? '127.0.0.1:1'}`;
      const args = [
        'agent',
        '--data-dir',
        agentDir(name),
        '--name',
        name,
        '--hub',
        hub,
        '--accel',
        'tcg',
        ...more,
      ];
      services.set(name, startService(args, join(folder, `${name}.log`), within));
    },

    async end(name: string, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') {
      await services.get(name)?.end(signal);
    },

    /** Pulls the plug of a box: its agent and every machine of it are gone at once. */
    async cutPower(name: string) {
      await world.end(name, 'SIGKILL');
      for (const { pid } of qemusBelow(agentDir(name))) process.kill(pid, 'SIGKILL');
      await waitFor('the end of every process', () => qemusBelow(agentDir(name)).length === 0);
    },

    qemus: (name: string) => qemusBelow(agentDir(name)),

    async kubectl(...args: string[]) {
      const { code, stdout, stderr } = await kubectl(kubeconfig, args);
      expect(stderr + stdout, `kubectl ${args.join(' ')}`).toSatisfy(() => code === 0);
      return stdout;
    },
    tryKubectl: (args: readonly string[], stdin = '', env: Record<string, string> = {}) =>
      kubectl(kubeconfig, args, { stdin, env }),

    async get<T>(...args: string[]) {
      return JSON.parse(await world.kubectl('get', ...args, '-o', 'json')) as T;
    },

    async apply(manifest: object) {
      const applied = await kubectl(kubeconfig, ['apply', '-f', '-'], { stdin: JSON.stringify(manifest) });
      expect(applied.stderr).toBe('');
      return applied.stdout;
    },
    /** Creates a machine that boots the test guest on a device. */
    create: (name: string, device: string, options: Partial<MachineOptions> = {}) =>
      world.apply(compileManifest({ name, device, url: images.url(GUEST_IMAGE), checksum, ...options })),

    machine: (name: string) => world.get<VirtualMachine>('vm', name),
    instance: (name: string) => world.get<VirtualMachineInstance>('vmi', name),

    /** Waits until `kubectl get vm` says so; fails with all that is known of the machine. */
    async untilStatus(name: string, printable: string, limitMs = 90_000) {
      let last: VirtualMachine | undefined;
      await waitFor(
        `${name} ${printable}`,
        async () => {
          last = await world.machine(name);
          return last.status?.printableStatus === printable;
        },
        limitMs,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}; its status is ${JSON.stringify(last?.status)}`, { cause: error });
      });
    },

    async port(name: string) {
      return waitFor(`the port of ${name}`, async () => {
        return (await world.instance(name)).status?.interfaces?.[0]?.ports?.[0]?.hostPort;
      });
    },

    /** What the guest behind a port of the box answers, once it does. */
    async guest(port: number, limitMs = 90_000) {
      return waitFor('the guest', () => askGuest(port), limitMs);
    },

    async status(device: string) {
      const { stdout, stderr } = await runHoldfast(['status', '--data-dir', agentDir(device), '-o', 'json']);
      expect(stderr).toBe('');
      return JSON.parse(stdout) as LocalStatus;
    },
    async localMachine(device: string, name: string) {
      const { machines } = await world.status(device);
      return machines.find((machine) => machine.name === name);
    },

    console(device: string, uid: string) {
      return readFileSync(join(agentDir(device), 'machines', uid, 'console.log'), 'utf8');
    },

    async events(name: string) {
      const list = await world.get<{ items: Event[] }>(
        'events',
        '--field-selector',
        `involvedObject.name=${name}`,
      );
      return list.items.sort((a, b) => sequenceOf(a) - sequenceOf(b));
    },

    async close() {
      for (const service of services.values()) await service.end('SIGKILL');
      for (const { pid } of qemusBelow(folder)) process.kill(pid, 'SIGKILL');
      await waitFor('the end of every QEMU', () => qemusBelow(folder).length === 0);
      await images.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return world;
}

export async function askGuest(port: number): Promise<GuestAnswer> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5_000) });
  return (await response.json()) as GuestAnswer;
}

export function sequenceOf({ metadata }: Event): number {
  return Number(metadata.annotations?.['holdfast.dev/sequence']);
}
