import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../shared/base/errors.ts';
import type { CpuLimits } from '../machine/limits.ts';

/** What a machine's process may use of the box. */
export interface Limits {
  readonly memoryMaxBytes: number;
  readonly cpu: CpuLimits;
}

/** Control groups for boxes without systemd, which makes them where it is: one a run, below one of our own. */
export interface Cgroups {
  /** Moves a process into a group of this name, made with these limits. @throws where the kernel refuses */
  enter(name: string, limits: Limits, pid: number): Promise<void>;
  /** Gives a group other limits; nothing where there is none of that name. @throws where the kernel refuses */
  limit(name: string, limits: Limits): Promise<void>;
  /** Removes the groups whose names begin so and in which no process is left. */
  clear(prefix: string): Promise<void>;
}

/** The folder of our groups in each hierarchy. */
const OWN_FOLDER = 'holdfast';
/** The period that CPU quotas are counted in, microseconds: the kernel's default. */
const PERIOD_US = 100_000;

/**
 * The control groups of this box: version 2 where it has the memory controller, or else version 1; undefined where
 * neither is mounted at `root`.
 */
export async function findCgroups(root: string): Promise<Cgroups | undefined> {
  const controllers = await readFile(join(root, 'cgroup.controllers'), 'utf8').catch(() => '');
  if (controllers.split(/\s/).includes('memory')) return createUnified(root);
  const hierarchies = ['memory', 'cpu'].filter((name) => existsSync(join(root, name, 'cgroup.procs')));
  return hierarchies.includes('memory') ? createLegacy(root, hierarchies) : undefined;
}

/** Version 2: one hierarchy for everything. */
function createUnified(root: string): Cgroups {
  const own = join(root, OWN_FOLDER);
  const limit: Cgroups['limit'] = async (name, { memoryMaxBytes, cpu }) => {
    const group = join(own, name);
    if (!existsSync(group)) return;
    await writeFile(join(group, 'memory.max'), String(memoryMaxBytes));
    await writeFile(join(group, 'cpu.weight'), String(cpu.weight));
    const quota = cpu.cores === undefined ? 'max' : String(Math.ceil(cpu.cores * PERIOD_US));
    await writeFile(join(group, 'cpu.max'), `${quota} ${PERIOD_US}`);
  };
  return {
    limit,
    async enter(name, limits, pid) {
      const group = join(own, name);
      await mkdir(own, { recursive: true });
      // Children have the controllers that each group above hands down.
      for (const above of [root, own]) await writeFile(join(above, 'cgroup.subtree_control'), '+memory +cpu');
      await mkdir(group, { recursive: true });
      await limit(name, limits);
      await writeFile(join(group, 'cgroup.procs'), String(pid));
    },
    clear: (prefix) => removeEmpty(own, prefix),
  };
}

/** Version 1: a hierarchy for each controller. */
function createLegacy(root: string, hierarchies: readonly string[]): Cgroups {
  const own = (hierarchy: string) => join(root, hierarchy, OWN_FOLDER);
  const limit: Cgroups['limit'] = async (name, { memoryMaxBytes, cpu }) => {
    const values: Readonly<Record<string, Readonly<Record<string, string>>>> = {
      memory: { 'memory.limit_in_bytes': String(memoryMaxBytes) },
      cpu: {
        'cpu.shares': String(Math.max(2, Math.round((cpu.weight * 1024) / 100))),
        'cpu.cfs_period_us': String(PERIOD_US),
        'cpu.cfs_quota_us': cpu.cores === undefined ? '-1' : String(Math.ceil(cpu.cores * PERIOD_US)),
      },
    };
    for (const hierarchy of hierarchies) {
      const group = join(own(hierarchy), name);
      if (!existsSync(group)) continue;
      for (const [file, value] of Object.entries(values[hierarchy] ?? {}))
        await writeFile(join(group, file), value);
    }
  };
  return {
    limit,
    async enter(name, limits, pid) {
      for (const hierarchy of hierarchies) await mkdir(join(own(hierarchy), name), { recursive: true });
      await limit(name, limits);
      for (const hierarchy of hierarchies)
        await writeFile(join(own(hierarchy), name, 'cgroup.procs'), String(pid));
    },
    async clear(prefix) {
      for (const hierarchy of hierarchies) await removeEmpty(own(hierarchy), prefix);
    },
  };
}

async function removeEmpty(folder: string, prefix: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((one) => one.startsWith(prefix))) {
    await rmdir(join(folder, name)).catch((error: unknown) => {
      // One with a process in it stays, and one that another agent removed is gone.
      if (codeOf(error) !== 'EBUSY' && codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
    });
  }
}
