import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createLocalClient } from '../../agent/local/client.ts';
import type { World } from '../e2e/world.ts';
import { createWorld } from '../e2e/world.ts';
import { watchProcesses } from '../storm/process-watch.ts';
import { waitFor } from '../tools/wait-for.ts';
import { compileMachine } from './manifest.ts';

const DEVICE = 'edge-1';
const IMAGE = 'base.raw';
const IMAGE_BYTES = 256 * 1024;
const RECORDER = join(import.meta.dirname, 'record-states.ts');
const STAGING = '/.staging-';
const START_LIMIT_MS = 240_000;
/** What is kept once it is there; the machine has all of them. */
const KEPT = ['disk-pos-root.qcow2', 'disk-pos-more.qcow2', 'efi-variables.fd', 'tpm'];
/** Where a mark is made on each disk that is there. */
const MARK = '-P 0x5a 131072 4096';

/** A box whose plug can be pulled at each step of a machine's start. */
export interface PowerBox {
  /** Has an agent start the machine, and returns the states in which a power cut would have left the box's folder. */
  recordStart(name: string): Promise<string[]>;
  /** Gives the box back in such a state; what is then wrong once the machine runs again, as sentences. */
  recoverFrom(state: string): Promise<string[]>;
  close(): Promise<void>;
}

/** A box that knows what to run, is without its hub, and has done nothing of the start yet. */
export async function createPowerBox(): Promise<PowerBox> {
  const world = await createWorld();
  try {
    const checksum = world.images.add(IMAGE, randomBytes(IMAGE_BYTES));
    // The image does not come while the box has its hub, and so nothing of the start has happened by then.
    world.images.setSpeed(1);
    await world.startHub();
    world.startAgent(DEVICE);
    const manifest = JSON.stringify(compileMachine(DEVICE, world.images.url(IMAGE), checksum));
    const { code, stderr } = await world.tryKubectl(['apply', '-f', '-'], manifest);
    if (code !== 0) throw new Error(stderr);
    await waitFor('the download', () => world.images.ranges.length > 0, START_LIMIT_MS);
    await world.cutPower(DEVICE);
    await world.end('hub');
    world.images.setSpeed(0);
  } catch (error) {
    await world.close();
    throw error;
  }
  const folder = world.agentDir(DEVICE);
  return {
    async recordStart(name) {
      const to = join(world.folder, 'states', name);
      mkdirSync(to, { recursive: true });
      const settings = [`NODE_OPTIONS=--import=${RECORDER}`, `HOLDFAST_STATES_OF=${folder}`];
      world.startAgent(DEVICE, [], ['env', ...settings, `HOLDFAST_STATES_TO=${to}`]);
      await findRunning(folder, START_LIMIT_MS);
      await world.cutPower(DEVICE);
      return readdirSync(to)
        .sort()
        .map((state) => join(to, state));
    },
    async recoverFrom(state) {
      rmSync(folder, { recursive: true });
      renameSync(state, folder);
      return recover(world, folder);
    },
    close: () => world.close(),
  };
}

async function recover(world: World, folder: string): Promise<string[]> {
  const before = listKept(folder);
  const watch = watchProcesses(() => world.qemus(DEVICE));
  try {
    // Fails where a disk is there that is none.
    for (const path of before.keys()) mark(path);
    world.startAgent(DEVICE);
    const uid = await findRunning(folder);
    const after = listKept(folder);
    // Files are replaced by way of others all the time; one that a power cut left there stays.
    const strays = await waitFor('files in the making', () => {
      const found = listStrays(join(folder, 'machines', uid));
      return found.length === 0 && found;
    }).catch(() => listStrays(join(folder, 'machines', uid)));
    const names = new Set([...after.keys()].map((path) => basename(path)));
    await waitFor('its process', () => watch.seen(uid).length > 0);
    const starts = watch.seen(uid).length;
    return [
      ...[...before]
        .filter(([path, ino]) => after.get(path) !== ino)
        .map(([path]) => `${path} was made anew`),
      ...[...before.keys()].filter((path) => !isMarked(path)).map((path) => `${path} lost what was in it`),
      ...KEPT.filter((name) => !names.has(name)).map((name) => `${name} is not there`),
      ...strays.map((file) => `${file} was left behind`),
      ...(starts === 1 ? [] : [`it was started ${starts} times`]),
    ];
  } catch (error) {
    const status = await createLocalClient(folder)
      .status()
      .catch(() => undefined);
    return [`${String(error)}: ${JSON.stringify(status?.machines)}`];
  } finally {
    watch.stop();
    await world.cutPower(DEVICE);
  }
}

/** The uid of the machine, once it runs. */
async function findRunning(folder: string, limitMs = 60_000): Promise<string> {
  return waitFor(
    'the machine',
    async () => {
      const { machines } = await createLocalClient(folder).status();
      return machines.find(({ state }) => state === 'Running')?.uid;
    },
    limitMs,
  );
}

/** The machine's kept files in the box's folder, with what tells one from another of the same name. */
function listKept(folder: string): Map<string, number> {
  const machines = join(folder, 'machines');
  const paths = readdirSync(machines).flatMap((uid) => KEPT.map((name) => join(machines, uid, name)));
  return new Map(paths.filter((path) => existsSync(path)).map((path) => [path, statSync(path).ino]));
}

function listStrays(machine: string): string[] {
  return readdirSync(machine).filter((file) => /^\.|\.new$/.test(file));
}

function mark(path: string): void {
  if (path.endsWith('.qcow2')) execFileSync('qemu-io', ['-f', 'qcow2', '-c', `write ${MARK}`, path]);
}

/** Where QEMU has it open, too. */
function isMarked(path: string): boolean {
  if (!path.endsWith('.qcow2')) return true;
  const words = ['-r', '-U', '-f', 'qcow2', '-c', `read ${MARK}`, path];
  return spawnSync('qemu-io', words).status === 0;
}

/**
 * Those that differ in what is in the folders of machines and images: not in the store alone, in whose files are, or in
 * what files in the making have got to.
 */
export function selectDistinct(states: readonly string[]): string[] {
  const seen = new Set<string>();
  return states.filter((state) => {
    const found = ['machines', 'images'].flatMap((name) => listFiles(join(state, name)));
    const key = found.join('\n');
    return !seen.has(key) && seen.add(key);
  });
}

function listFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    const staged = path.indexOf(STAGING);
    if (staged >= 0) return path.slice(folder.length, staged + STAGING.length);
    return `${path.slice(folder.length)} ${entry.isFile() ? statSync(path).size : ''}`;
  });
  return [...new Set(files)].sort();
}
