import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { CompiledMachine } from '../../agent/machine/compile.ts';
import { compileMachine } from '../../agent/machine/compile.ts';
import type { Machines, ObservedMachine, StartRequest } from '../../agent/ports.ts';
import type { MachinesOptions } from '../../agent/qemu/machines.ts';
import { createMachines } from '../../agent/qemu/machines.ts';
import { createClock } from '../../shared/host/clock.ts';
import { readBootId } from '../../shared/host/files.ts';
import { createLog } from '../../shared/host/log.ts';
import type { DesiredMachine } from '../../shared/model/machine.ts';
import { desiredMachine } from '../../shared/model/machine.ts';
import { createNoNetworks } from '../tools/no-networks.ts';
import { NO_EQUIPMENT } from '../tools/equipment.ts';

/** The guest's kernel and initrd: `test/guest/build` makes them. */
export const GUEST_FOLDER = join(import.meta.dirname, '../../.holdfast/guest');
export const UID = '5f0c1a52-7d7b-4c57-9b0e-0d6f3a1c2e4b';
export const OTHER_UID = '0a6b2f7e-33f1-4f3c-8a7c-9a1d5e8b7c6d';
const IMAGE_URL = 'http://images.example/disk.qcow2';

type Spec = DesiredMachine['spec'];

/** A machine with a blank disk and a forwarded port: its firmware finds nothing to boot and idles. */
export function blankMachine(uid = UID, change: (spec: Spec) => Spec = (spec) => spec): CompiledMachine {
  const desired = desiredMachine.parse({
    uid,
    namespace: 'shop',
    name: 'pos',
    kind: 'VirtualMachine',
    generation: 1,
    runStrategy: 'Always',
    dataVolumes: [
      { metadata: { name: 'pos-root' }, spec: { source: { http: { url: IMAGE_URL } } } },
      {
        metadata: { name: 'pos-blank' },
        spec: { source: { blank: {} }, storage: { resources: { requests: { storage: '8Mi' } } } },
      },
    ],
    spec: {
      domain: {
        memory: { guest: '64Mi' },
        devices: {
          disks: [{ name: 'blank', disk: { bus: 'virtio' } }],
          interfaces: [{ name: 'default', masquerade: {}, ports: [{ name: 'http', port: 80 }] }],
        },
      },
      networks: [{ name: 'default', pod: {} }],
      volumes: [{ name: 'blank', dataVolume: { name: 'pos-blank' } }],
    },
  });
  return compileMachine({ ...desired, spec: change(desired.spec) });
}

/** A machine that boots the guest of `test/guest` by its kernel, with the name that its seed says. */
export function guestMachine(
  uid = UID,
  userData = '#cloud-config\n',
  change: (domain: Spec['domain']) => Spec['domain'] = (domain) => domain,
): CompiledMachine {
  return blankMachine(uid, (spec) => ({
    ...spec,
    domain: change({
      ...spec.domain,
      memory: { guest: '192Mi' },
      firmware: {
        kernelBoot: {
          kernelArgs: 'console=ttyS0 quiet',
          container: { image: `file://${GUEST_FOLDER}`, kernelPath: '/vmlinuz', initrdPath: '/initrd' },
        },
      },
      devices: {
        ...spec.domain.devices,
        disks: [
          { name: 'root', disk: { bus: 'virtio' } },
          { name: 'seed', disk: { bus: 'virtio' } },
          { name: 'scratch', disk: { bus: 'virtio' } },
        ],
      },
    }),
    volumes: [
      { name: 'root', dataVolume: { name: 'pos-root' } },
      { name: 'seed', cloudInitNoCloud: { userData } },
      { name: 'scratch', emptyDisk: { capacity: '4Mi' } },
    ],
  }));
}

export function requestOf(machine: CompiledMachine, run = 1): StartRequest {
  const image = {
    path: join(GUEST_FOLDER, 'disk.qcow2'),
    sha256: '',
    format: 'qcow2',
    virtualBytes: 64 * 2 ** 20,
  } as const;
  return { machine, run, accelerator: 'tcg', images: new Map([[IMAGE_URL, image]]) };
}

export function optionsFor(dataDir: string): MachinesOptions {
  return {
    dataDir,
    forwardAddress: '127.0.0.1',
    localImages: GUEST_FOLDER,
    networks: createNoNetworks(),
    equipment: NO_EQUIPMENT,
    bootId: readBootId(),
    clock: createClock(),
    log: createLog('error', 'test'),
  };
}

/** A temporary folder for data directories; what runs in it is killed and deleted by `clear`. */
export function createWorld() {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-machines-')));
  const opened: Machines[] = [];

  /** Every process that works in the folder: what a test started, and nothing else. */
  const pids = () =>
    readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && workingFolder(pid).startsWith(`${root}/`));

  return {
    root,
    /** As an agent that starts on `dataDir`. */
    open(dataDir = 'data', change: Partial<MachinesOptions> = {}): Machines {
      const machines = createMachines({ ...optionsFor(join(root, dataDir)), ...change });
      opened.push(machines);
      return machines;
    },
    /** The QEMU processes of a data directory. */
    qemus: (dataDir = 'data') =>
      pids().filter(
        (pid) =>
          workingFolder(pid).startsWith(`${join(root, dataDir)}/`) && programOf(pid) === 'qemu-system-x86_64',
      ),
    pids,
    async clear() {
      for (const machines of opened) await machines.close();
      for (const pid of pids()) process.kill(pid, 'SIGKILL');
      await until('every process is gone', () => pids().length === 0);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function workingFolder(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

function programOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0] ?? '';
  } catch {
    return '';
  }
}

export async function observeOne(machines: Machines, uid = UID): Promise<ObservedMachine> {
  const found = (await machines.observe()).find((machine) => machine.uid === uid);
  if (found === undefined) throw new Error(`no machine ${uid}`);
  return found;
}

export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  mostMs = 120_000,
): Promise<void> {
  const endMs = performance.now() + mostMs;
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`not within ${mostMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What a console has said since it was opened. */
export function listen(stream: Readable) {
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  return {
    says: async (pattern: RegExp) => until(`the console says ${pattern}`, () => pattern.test(text)),
    text: () => text,
  };
}

/** Kills a machine's QEMU and waits until nothing of it is left: a process lets go of its ports last. */
export async function killMachine(machines: Machines, uid = UID): Promise<void> {
  const { process } = await observeOne(machines, uid);
  await machines.kill(uid);
  await until('QEMU ended', () => !existsSync(`/proc/${process?.pid}`));
}
