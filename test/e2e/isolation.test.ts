import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../tools/wait-for.ts';
import { compileIdleMachine } from './idle-machine.ts';
import type { World } from './world.ts';
import { createWorld } from './world.ts';

/** What a guest that has broken out into its QEMU gets to: the process's own rights, used from a shell. */
describe.runIf(process.getuid?.() === 0)('a QEMU that was taken over', () => {
  let world: World;
  let uids: Record<string, string>;
  let pids: Record<string, number>;

  beforeAll(async () => {
    world = await createWorld();
    await world.startHub();
    world.startAgent('edge-1');
    await waitFor('edge-1', () => world.get('device', 'edge-1'));
    await world.create('victim', 'edge-1', { userData: '#cloud-config\npassword: secret\n' });
    await world.apply(compileIdleMachine('taken', 'edge-1', '#!/bin/sh\n'));
    uids = {};
    pids = {};
    for (const name of ['victim', 'taken']) {
      await world.untilStatus(name, 'Running');
      uids[name] = (await world.machine(name)).metadata.uid ?? '';
      pids[name] = world.qemus('edge-1').find(({ uid }) => uid === uids[name])?.pid ?? 0;
    }
    await waitFor("the victim's console", () => world.console('edge-1', uids['victim'] ?? '') !== '');
  });
  afterAll(() => world.close());

  const statusOf = (name: string) => {
    const lines = readFileSync(`/proc/${pids[name]}/status`, 'utf8').split('\n');
    return Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2))) as Record<string, string>;
  };

  /** Runs a command with exactly the rights of the machine's QEMU. */
  const asTaken = (command: readonly string[], input = '') => {
    const { Uid = '', Gid = '', Groups = '' } = statusOf('taken');
    const groups =
      Groups.trim() === '' ? ['--clear-groups'] : ['--groups', Groups.trim().replaceAll(' ', ',')];
    const [uid = '', gid = ''] = [Uid.split('\t')[0], Gid.split('\t')[0]];
    const rights = ['--reuid', uid, '--regid', gid, ...groups, '--bounding-set=-all', '--no-new-privs'];
    return execFileSync('bash', ['-c', '"$0" "$@" 2>/dev/null || true', 'setpriv', ...rights, ...command], {
      encoding: 'utf8',
      input,
    });
  };

  test('has a user of its own, no capability, no way to new rights, and a sandbox around it', () => {
    const [taken, victim] = [statusOf('taken'), statusOf('victim')];
    expect(taken['Uid']).not.toBe(victim['Uid']);
    for (const status of [taken, victim]) {
      expect(status).toMatchObject({
        NoNewPrivs: '1',
        Seccomp: '2',
        CapEff: '0000000000000000',
        CapBnd: '0000000000000000',
      });
      expect(status['Uid']?.split('\t')).not.toContain('0');
    }
  });

  /** Every file and socket of the test's folder that the machine's QEMU gets to by `check` of bash's `test`. */
  const reached = (check: '-r' | '-w') => {
    // Found by us: it can't list folders, but knows the names of files in them.
    const paths = execFileSync('find', [realpathSync(world.folder), '-not', '-type', 'd'], {
      encoding: 'utf8',
    });
    const loop = `while read -r path; do [[ ${check} $path ]] && echo "$path"; done`;
    return asTaken(['bash', '-c', loop], paths)
      .split('\n')
      .filter((path) => path !== '');
  };

  test('reads nothing of its box but its own files and base images', () => {
    const dataDir = realpathSync(world.agentDir('edge-1'));
    const own = join(dataDir, 'machines', uids['taken'] ?? '?');
    const seen = reached('-r');
    expect(seen).toContain(join(own, 'seed.iso'));
    const others = seen.filter(
      (path) => ![`${own}/`, join(dataDir, 'images/')].some((start) => path.startsWith(start)),
    );
    // The log files beside the boxes' folders are the test's own.
    expect(others.filter((path) => !/^[^/]*\.log$/.test(path.slice(world.folder.length + 1)))).toEqual([]);
  });

  test("writes to nothing but its own files, and connects to no other's socket", () => {
    const own = join(realpathSync(world.agentDir('edge-1')), 'machines', uids['taken'] ?? '?');
    const writable = reached('-w');
    expect(writable).toContain(join(own, 'console.log'));
    expect(writable.filter((path) => !path.startsWith(`${own}/`))).toEqual([]);
    expect(writable.filter((path) => /\/(lock|record\.json|machine\.json|qemu\.log)$/.test(path))).toEqual(
      [],
    );
  });

  test.each([
    ["another machine's disk", (machine: string) => join(machine, 'disk-victim-root.qcow2')],
    ["another machine's seed", (machine: string) => join(machine, 'seed.iso')],
    ["another machine's console", (machine: string) => join(machine, 'console.log')],
    ["another machine's description", (machine: string) => join(machine, 'machine.json')],
    ["the agent's store", (machine: string) => join(machine, '../../agent.db')],
  ])('does not get to %s', (_, pathIn) => {
    const path = pathIn(join(realpathSync(world.agentDir('edge-1')), 'machines', uids['victim'] ?? '?'));
    expect(readFileSync(path).length).toBeGreaterThan(0);
    expect(asTaken(['head', '-c', '1', path])).toBe('');
  });

  test('can not see into, or signal, the process of another machine', () => {
    expect(asTaken(['cat', `/proc/${pids['victim']}/environ`])).toBe('');
    asTaken(['kill', '-KILL', String(pids['victim'])]);
    expect(world.qemus('edge-1').map(({ pid }) => pid)).toContain(pids['victim']);
  });

  test('is held to its memory and CPUs by the kernel', () => {
    const groups = readFileSync(`/proc/${pids['taken']}/cgroup`, 'utf8');
    expect(groups).toContain(`-${uids['taken']}-1`);
  });
});
