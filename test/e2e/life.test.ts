import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import { runHoldfast } from '../tools/holdfast.ts';
import { waitFor } from '../tools/wait-for.ts';
import { compileManifest } from './manifest.ts';
import type { World } from './world.ts';
import { GUEST_IMAGE, createWorld } from './world.ts';

/** A machine's life as its operator steers it: kubectl, hub, agent, QEMU and guest, all real. */

/** Only root can give the box a disk of its own, which can be made full. */
const isRoot = process.geteuid?.() === 0;
const DISK_BYTES = 2 ** 31;
const SUB = '/apis/subresources.kubevirt.io/v1/namespaces/default';

describe('a machine with probes, a watchdog and a panic device', () => {
  let world: World;
  let programs: string;
  let port: number;

  beforeAll(async () => {
    world = await createWorld();
    await world.startHub();
    // A box that is going down, for whoever asks.
    programs = mkdtempSync(join(tmpdir(), 'holdfast-programs-'));
    for (const [name, says] of [
      ['runlevel', '2 0'],
      ['systemctl', 'stopping'],
    ] as const) {
      writeFileSync(join(programs, name), `#!/bin/sh\necho ${says}\n`);
      chmodSync(join(programs, name), 0o755);
    }
    mkdirSync(world.agentDir('edge-1'));
    if (isRoot) sizeDisk(DISK_BYTES, 'tmpfs', ['-t', 'tmpfs']);
    world.startAgent('edge-1', [], ['env', `PATH=${programs}:${process.env['PATH']}`]);
    await waitFor('edge-1', () => world.get('device', 'edge-1'));
    const manifest = compileManifest({
      name: 'pos',
      device: 'edge-1',
      url: world.images.url(GUEST_IMAGE),
      checksum: world.checksum,
    });
    const { template } = (manifest as VirtualMachine).spec;
    Object.assign(template.spec, {
      readinessProbe: { httpGet: { port: 80 }, periodSeconds: 1, timeoutSeconds: 5 },
      livenessProbe: { guestAgentPing: {}, initialDelaySeconds: 600 },
    });
    Object.assign(template.spec.domain.devices, {
      watchdog: { name: 'dog', i6300esb: { action: 'reset' } },
      panicDevices: [{}],
    });
    await world.apply(manifest);
    await world.untilStatus('pos', 'Running');
    port = await world.port('pos');
  }, 120_000);
  afterAll(async () => {
    await world.cutPower('edge-1');
    // Lazily: what was killed may still be letting go of its files.
    if (isRoot) execFileSync('umount', ['--lazy', world.agentDir('edge-1')]);
    await world.close();
    rmSync(programs, { recursive: true, force: true });
  });

  /** Makes the box's disk so large, or so small: what is on it stays. */
  const sizeDisk = (bytes: number, device = 'tmpfs', how = ['-o', 'remount']) =>
    execFileSync('mount', [...how, '-o', `size=${bytes},mode=711`, device, world.agentDir('edge-1')]);
  const ask = async (page: string) => (await fetch(`http://127.0.0.1:${port}/cgi-bin/${page}`)).text();
  const condition = async (type: string) =>
    (await world.instance('pos')).status?.conditions?.find((one) => one.type === type);
  const reasons = async () => (await world.events('pos')).map(({ reason }) => reason);
  const order = async (path: string, options = {}) =>
    world.tryKubectl(['replace', '--raw', `${SUB}/${path}`, '-f', '-'], JSON.stringify(options));
  const boot = async () => ((await world.guest(port)) as unknown as { bootId: string }).bootId;

  test('is ready once its guest answers, and says what runs in it', async () => {
    await waitFor('Ready', async () => (await condition('Ready'))?.status === 'True');
    await waitFor(
      'guestOSInfo',
      async () => (await world.instance('pos')).status?.guestOSInfo?.kernelRelease,
    );
    const info = JSON.parse(
      await world.kubectl('get', '--raw', `${SUB}/virtualmachineinstances/pos/guestosinfo`),
    );
    expect(info).toMatchObject({ kind: 'VirtualMachineInstanceGuestAgentInfo', hostname: 'pos' });
  });

  test('is ready or not by what a command says that its agent runs in it', async () => {
    const tryWith = async (...command: string[]) => {
      const readinessProbe = { httpGet: null, exec: { command }, periodSeconds: 1, timeoutSeconds: 10 };
      const patch = JSON.stringify({ spec: { template: { spec: { readinessProbe } } } });
      await world.kubectl('patch', 'vm', 'pos', '--type=merge', '-p', patch);
    };
    await tryWith('test', '-e', '/no/such/file');
    const told = async () => (await condition('Ready'))?.message;
    await waitFor('not ready', async () => (await told())?.endsWith('is not ready: test ended with 1'));
    await tryWith('sh', '-c', 'test "$(hostname)" = pos');
    await waitFor('Ready', async () => (await condition('Ready'))?.status === 'True');
  });

  test('is paused and let go on, which its box remembers, and not paused twice', async () => {
    expect((await order('virtualmachineinstances/pos/pause')).stderr).toBe('');
    await waitFor('Paused', async () => (await condition('Paused'))?.reason === 'PausedByUser');
    expect((await order('virtualmachineinstances/pos/pause')).stderr).toContain('VMI is already paused');
    const vm = ['vm', 'unpause', 'default/pos', '--data-dir', world.agentDir('edge-1')];
    expect(await runHoldfast(vm)).toMatchObject({ code: 0 });
    await waitFor('Ready', async () => (await condition('Ready'))?.status === 'True');
    expect((await order('virtualmachineinstances/pos/unpause')).stderr).toContain('VMI is not paused');
  });

  test('is given a disk while it runs, and lets go of it, as virtctl asks for that', async () => {
    await world.apply({
      apiVersion: 'cdi.kubevirt.io/v1beta1',
      kind: 'DataVolume',
      metadata: { name: 'receipts', namespace: 'default' },
      spec: { source: { blank: {} }, storage: { resources: { requests: { storage: '16Mi' } } } },
    });
    const disks = async () => (await world.guest(port)).disks.map(({ bytes }) => bytes / 2 ** 20);
    const [before, pids] = [await disks(), world.qemus('edge-1').map(({ pid }) => pid)];
    const added = {
      name: 'extra',
      disk: { disk: { bus: 'virtio' }, serial: 'extra' },
      volumeSource: { dataVolume: { name: 'receipts', hotpluggable: true } },
    };
    expect((await order('virtualmachines/pos/addvolume', added)).stderr).toBe('');
    await waitFor('the disk', async () => (await disks()).length > before.length);
    expect(await disks()).toEqual([...before, 16]);
    expect((await order('virtualmachines/pos/removevolume', { name: 'extra' })).stderr).toBe('');
    await waitFor('its end', async () => (await disks()).length === before.length);
    expect(world.qemus('edge-1').map(({ pid }) => pid)).toEqual(pids);
    // What was changed before may wait for a restart; this does not.
    expect((await condition('RestartRequired'))?.message ?? '').not.toMatch(/disk|volume/);
  });

  test('is rebooted softly, in the same process', async () => {
    const [before, pids] = [await boot(), world.qemus('edge-1').map(({ pid }) => pid)];
    expect((await order('virtualmachineinstances/pos/softreboot')).stderr).toBe('');
    await waitFor('another boot', async () => (await boot()) !== before);
    expect(world.qemus('edge-1').map(({ pid }) => pid)).toEqual(pids);
  });

  test('is reset by its watchdog when its guest hangs, in the same process', async () => {
    const [before, pids] = [await boot(), world.qemus('edge-1').map(({ pid }) => pid)];
    expect(await ask('hang')).toContain('will fire');
    await waitFor('another boot', async () => (await boot()) !== before);
    expect(world.qemus('edge-1').map(({ pid }) => pid)).toEqual(pids);
    await waitFor('the event', async () => (await reasons()).includes('WatchdogFired'));
  });

  test('is started anew when the kernel of its guest panics', async () => {
    const [before, pids] = [await boot(), world.qemus('edge-1').map(({ pid }) => pid)];
    expect(await ask('crash')).toContain('crashing');
    await waitFor('another boot', async () => (await boot()) !== before);
    expect(world.qemus('edge-1').map(({ pid }) => pid)).not.toEqual(pids);
    await waitFor('the event', async () => (await reasons()).includes('GuestPanicked'));
    const failed = (await world.events('pos')).find(({ reason }) => reason === 'Failed');
    expect(failed?.message).toBe("the guest's kernel panicked");
  });

  test.runIf(isRoot)(
    'is held while the disk of its box is full, and goes on when there is room',
    async () => {
      const { blocks, bavail, bsize } = statfsSync(world.agentDir('edge-1'));
      sizeDisk((blocks - bavail) * bsize + 2 ** 20);
      const filled = ask('fill');
      await waitFor('Paused', async () => (await condition('Paused'))?.reason === 'PausedIOError');
      sizeDisk(DISK_BYTES);
      expect(await filled).toContain('written');
      await waitFor('Ready', async () => (await condition('Ready'))?.status === 'True');
      expect(await condition('Paused')).toBeUndefined();
      const io = (await world.events('pos')).find(({ reason }) => reason === 'IOError');
      expect(io?.message).toMatch(/there is no space left; the guest is held/);
    },
  );

  test('waits for a claim that its box does not have, and says which setting lacks it', async () => {
    const spec = {
      nodeSelector: { 'kubernetes.io/hostname': 'edge-1' },
      domain: { memory: { guest: '32Mi' }, devices: {} },
      volumes: [{ name: 'ledger', persistentVolumeClaim: { claimName: 'ledger' } }],
    };
    await world.apply({
      apiVersion: 'kubevirt.io/v1',
      kind: 'VirtualMachine',
      metadata: { name: 'till', namespace: 'default' },
      spec: { runStrategy: 'Always', template: { spec } },
    });
    await world.untilStatus('till', 'ErrorPvcNotFound');
    const ready = (await world.machine('till')).status?.conditions?.find(({ type }) => type === 'Ready');
    expect(ready?.message).toContain('the setting "claims" of this box\'s agent has no default/ledger=PATH');
  });

  test('is shut down with its box, by its guest, and runs again when that is back', async () => {
    const { uid = '' } = (await world.machine('pos')).metadata;
    await world.end('edge-1');
    expect(world.qemus('edge-1')).toEqual([]);
    expect(world.console('edge-1', uid)).toMatch(/holdfast-guest: shutting down[^]*$/);
    const ledger = join(world.folder, 'ledger.img');
    writeFileSync(ledger, '');
    truncateSync(ledger, 2 ** 20);
    world.startAgent('edge-1', ['--claims', `default/ledger=${ledger}`]);
    await waitFor('Ready', async () => (await condition('Ready'))?.status === 'True');
    await world.untilStatus('till', 'Running');
    // An agent that is stopped on a box that stays up takes nothing with it.
    const pids = world.qemus('edge-1').map(({ pid }) => pid);
    await world.end('edge-1');
    expect([pids.length, world.qemus('edge-1').map(({ pid }) => pid)]).toEqual([2, pids]);
  });
});
