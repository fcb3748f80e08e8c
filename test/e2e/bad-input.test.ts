import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readGuestImage } from '../tools/image-store.ts';
import { waitFor } from '../tools/wait-for.ts';
import { compileManifest } from './manifest.ts';
import type { GuestAnswer, World } from './world.ts';
import { createWorld } from './world.ts';

const MEBIBYTE = 1024 * 1024;
/** Room for the guest's image and its machine's disk, and not for an image of this many bytes more. */
const SMALL_DISK_MEBIBYTES = 96;
const LARGE_IMAGE_BYTES = 90 * MEBIBYTE;
/** Mounting a small file system takes root. */
const isRoot = process.getuid?.() === 0;

describe('bad input', () => {
  let world: World;
  let port: number;
  let before: GuestAnswer;
  let pid: number | undefined;

  beforeAll(async () => {
    world = await createWorld();
    if (isRoot) {
      mkdirSync(world.agentDir('edge-1'));
      const options = `size=${SMALL_DISK_MEBIBYTES}m,mode=0755`;
      execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'holdfast-test', world.agentDir('edge-1')]);
    }
    await world.startHub();
    world.startAgent('edge-1', ['--reserve-mebibytes', '8']);
    await waitFor('the device', () => world.get('device', 'edge-1'));
    await world.create('neighbour', 'edge-1');
    await world.untilStatus('neighbour', 'Running');
    port = await world.port('neighbour');
    before = await world.guest(port);
    pid = world.qemus('edge-1')[0]?.pid;
  });
  afterAll(async () => {
    for (const { pid: qemu } of world.qemus('edge-1')) process.kill(qemu, 'SIGKILL');
    await world.end('edge-1', 'SIGKILL');
    if (isRoot)
      await waitFor('the unmount', () => execFileSync('umount', [world.agentDir('edge-1')]).length === 0);
    await world.close();
  });

  async function refusal(change: (spec: Spec) => void): Promise<string> {
    const manifest = compileManifest({
      name: 'bad',
      device: 'edge-1',
      url: world.images.url('x'),
    }) as Manifest;
    change(manifest.spec.template.spec);
    const { code, stderr } = await world.tryKubectl(['apply', '-f', '-'], JSON.stringify(manifest));
    expect(code).toBe(1);
    return stderr;
  }

  test('an unknown field is refused with its path', async () => {
    const stderr = await refusal((spec) => (spec.domain['memroy'] = { guest: '1Gi' }));
    expect(stderr).toMatch(/spec\.template\.spec\.domain\.memroy.*did you mean "memory"/);
  });

  test('a wrong quantity is refused with its path and an example', async () => {
    const stderr = await refusal((spec) => (spec.domain['memory'] = { guest: '12 apples' }));
    expect(stderr).toMatch(/spec\.template\.spec\.domain\.memory\.guest.*must be a quantity such as/);
  });

  test('a device that is not supported is refused by name, with why', async () => {
    const stderr = await refusal(
      (spec) => (spec.domain.devices['filesystems'] = [{ name: 'shared', virtiofs: {} }]),
    );
    expect(stderr).toMatch(
      /spec\.template\.spec\.domain\.devices\.filesystems: .*is not supported: no folders/,
    );
  });

  test('a machine that no device matches waits, and says how many matched', async () => {
    await world.create('lost', 'edge-99');
    await world.untilStatus('lost', 'ErrorUnschedulable');
    expect(await messageOf('lost')).toBe(
      '0 devices match nodeSelector kubernetes.io/hostname=edge-99, and exactly one must',
    );
    await world.kubectl('delete', 'vm', 'lost');
  });

  test('a truncated image ends in a condition that says so', async () => {
    const whole = readGuestImage();
    world.images.add('truncated.qcow2', whole.subarray(0, Math.floor(whole.length / 2)));
    await world.create('truncated', 'edge-1', {
      url: world.images.url('truncated.qcow2'),
      checksum: undefined,
    });
    await world.untilStatus('truncated', 'DataVolumeError');
    expect(await messageOf('truncated')).toContain('truncated.qcow2');
    expect(await reasonOf('truncated')).toBe('BrokenImage');
  });

  test('a wrong checksum ends in a condition with both hashes', async () => {
    await world.create('forged', 'edge-1', { checksum: 'ab'.repeat(32) });
    await world.untilStatus('forged', 'DataVolumeError');
    expect(await reasonOf('forged')).toBe('ChecksumMismatch');
    const message = await messageOf('forged');
    expect(message).toContain('ab'.repeat(32));
    expect(message).toContain(world.checksum);
    const told = (await world.events('forged')).map(({ reason, type }) => [reason, type]);
    expect(told).toContainEqual(['ChecksumMismatch', 'Warning']);
  });

  test.skipIf(!isRoot)('a full disk ends in a condition with what is needed and what is there', async () => {
    const checksum = world.images.add('large.img', randomBytes(LARGE_IMAGE_BYTES));
    await world.create('large', 'edge-1', { url: world.images.url('large.img'), checksum });
    await world.untilStatus('large', 'DataVolumeError');
    expect(await reasonOf('large')).toBe('DiskFull');
    expect(await messageOf('large')).toMatch(/MiB/);
  });

  test('leaves the machine beside it alone', async () => {
    const guest = await world.guest(port);
    expect(guest.bootId).toBe(before.bootId);
    expect(world.qemus('edge-1').map((qemu) => qemu.pid)).toEqual([pid]);
    expect((await world.machine('neighbour')).status?.printableStatus).toBe('Running');
  });

  test('can be taken back: machines that never ran are deleted at once', async () => {
    await world.kubectl('delete', 'vm', 'truncated', 'forged', ...(isRoot ? ['large'] : []));
    const { stdout } = await world.tryKubectl(['get', 'vm', '-o', 'name']);
    expect(stdout.trim()).toBe('virtualmachine.kubevirt.io/neighbour');
  });

  async function readyOf(name: string) {
    const { status } = await world.machine(name);
    return status?.conditions?.find(({ type }) => type === 'Ready');
  }
  const messageOf = async (name: string) => (await readyOf(name))?.message;
  const reasonOf = async (name: string) => (await readyOf(name))?.reason;
});

interface Spec {
  domain: { devices: Record<string, unknown> } & Record<string, unknown>;
}

interface Manifest {
  spec: { template: { spec: Spec } };
}
