import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createLocalClient } from '../../agent/local/client.ts';
import { compileIdleMachine } from '../e2e/idle-machine.ts';
import type { World } from '../e2e/world.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { Operator } from './operator.ts';

/** Where on each disk a mark is made, and what. */
const MARK = '-P 0x5a 131072 4096';
const LIMIT_MS = 300_000;

/** A machine that operators start, stop and change: with nothing to boot, and a disk that is to outlast all of it. */
export function compileBusyMachine(name: string, device: string): object {
  const idle = compileIdleMachine(name, device) as {
    spec: { template: { spec: { domain: { devices: object } } } };
  };
  const { template } = idle.spec;
  const { domain } = template.spec;
  const devices = { ...domain.devices, disks: [{ name: 'kept', disk: { bus: 'virtio' } }] };
  const pvc = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '8Mi' } } };
  const volumes = [{ name: 'kept', dataVolume: { name } }];
  return {
    ...idle,
    spec: {
      ...idle.spec,
      dataVolumeTemplates: [{ metadata: { name }, spec: { source: { blank: {} }, pvc } }],
      template: { ...template, spec: { ...template.spec, domain: { ...domain, devices }, volumes } },
    },
  };
}

/** Marks the disks of machines that run, each of which is stopped for it and started again; their uids by name. */
export async function markDisks(
  world: World,
  device: string,
  operator: Operator,
  names: readonly string[],
): Promise<Map<string, string>> {
  const door = createLocalClient(world.agentDir(device));
  const become = async (runStrategy: string, wanted: string) => {
    for (const name of names) await operator.setStrategy(name, runStrategy);
    return waitFor(
      `${wanted} of all that are busy`,
      async () => {
        const found = (await door.status()).machines.filter(
          ({ name, state }) => names.includes(name) && state === wanted,
        );
        return found.length === names.length && new Map(found.map(({ name, uid }) => [name, uid]));
      },
      LIMIT_MS,
    );
  };
  await become('Always', 'Running');
  const uids = await become('Halted', 'Stopped');
  for (const [name, uid] of uids)
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', `write ${MARK}`, diskOf(world, device, name, uid)]);
  return become('Always', 'Running');
}

/** Those of the disks that don't have their mark, as sentences. */
export function findUnmarked(world: World, device: string, uids: ReadonlyMap<string, string>): string[] {
  return [...uids].flatMap(([name, uid]) => {
    const words = ['-r', '-U', '-f', 'qcow2', '-c', `read ${MARK}`, diskOf(world, device, name, uid)];
    const { status, stderr } = spawnSync('qemu-io', words, { encoding: 'utf8' });
    return status === 0 ? [] : [`the disk of ${name} has lost what was on it: ${stderr.trim()}`];
  });
}

function diskOf(world: World, device: string, name: string, uid: string): string {
  return join(world.agentDir(device), 'machines', uid, `disk-${name}.qcow2`);
}
