import { execFile, execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorld } from '../e2e/world.ts';
import type { World } from '../e2e/world.ts';
import { HOLDFAST } from '../tools/holdfast.ts';
import { waitFor } from '../tools/wait-for.ts';
import { openSession } from '../tools/session.ts';

/**
 * A whole Debian as an operator has it on a box: its system set up by cloud-init, reached over SSH, asked through its
 * agent, changed while it runs, and shut down. Each test goes on where the one before it ended.
 */

const DEBIAN = join(import.meta.dirname, '../../.holdfast/debian');
/** Without KVM such a guest takes a minute to start, and more where the box has something else to do. */
const BOOT_MS = 600_000;
const GIB = 2 ** 30;
/** Many messages of the tunnel, and more than what it holds on its way. */
const FILE_BYTES = 8 * 2 ** 20;
const SSH_OPTIONS = [
  'BatchMode=yes',
  'LogLevel=ERROR',
  'ConnectTimeout=20',
  'IdentityAgent=none',
  'IdentitiesOnly=yes',
  'StrictHostKeyChecking=no',
  'UserKnownHostsFile=/dev/null',
];
/** KubeVirt's own client, which no package has: the path of one that is to be tried. */
const VIRTCTL = process.env['TEST_VIRTCTL'] ?? '';
const run = promisify(execFile);

const USER_DATA = `#cloud-config
hostname: till-7
ssh_genkeytypes: [ed25519]
locale: false
write_files:
  - path: /etc/shop
    content: "Harbour Street 7\\n"
  - path: /etc/udev/rules.d/70-new-cpu.rules
    content: |
      SUBSYSTEM=="cpu", ACTION=="add", TEST=="online", ATTR{online}="1"
runcmd:
  - echo set up >>/etc/set-up
`;

function compileDebian(url: string): object {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name: 'till', namespace: 'default' },
    spec: {
      runStrategy: 'Always',
      dataVolumeTemplates: [
        {
          metadata: { name: 'till-root' },
          spec: { source: { http: { url } }, storage: { resources: { requests: { storage: '2Gi' } } } },
        },
      ],
      template: {
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': 'edge-1' },
          terminationGracePeriodSeconds: 600,
          accessCredentials: [
            {
              sshPublicKey: {
                source: { secret: { secretName: 'keys' } },
                propagationMethod: { noCloud: {} },
              },
            },
          ],
          domain: {
            cpu: { sockets: 1, maxSockets: 2 },
            memory: { guest: '1Gi', maxGuest: '2Gi' },
            devices: {
              disks: ['root', 'seed'].map((name) => ({ name, disk: { bus: 'virtio' } })),
              interfaces: [{ name: 'default', masquerade: {}, ports: [{ name: 'ssh', port: 22 }] }],
            },
          },
          networks: [{ name: 'default', pod: {} }],
          volumes: [
            { name: 'root', dataVolume: { name: 'till-root' } },
            { name: 'seed', cloudInitNoCloud: { userData: USER_DATA } },
          ],
        },
      },
    },
  };
}

describe('a full Debian guest', () => {
  let world: World;
  let key: string;
  let otherKey: string;
  let port: number;

  beforeAll(async () => {
    world = await createWorld();
    mkdirSync(join(world.folder, 'ssh'), { mode: 0o700 });
    [key, otherKey] = [join(world.folder, 'ssh/key'), join(world.folder, 'ssh/other')];
    for (const path of [key, otherKey])
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'operator', '-f', path]);
    await world.startHub();
    world.images.add('debian.qcow2', readFileSync(join(DEBIAN, 'disk.qcow2')));
    world.startAgent('edge-1');
    await waitFor('the device', () => world.get('device', 'edge-1'));
    await world.kubectl('create', 'secret', 'generic', 'keys', `--from-file=operator=${key}.pub`);
    await world.apply(compileDebian(world.images.url('debian.qcow2')));
    await world.untilStatus('till', 'Running');
    port = await world.port('till');
    await untilIn();
  }, BOOT_MS);
  afterAll(() => world.close());

  const sshOptions = (identity = key) =>
    SSH_OPTIONS.flatMap((option) => ['-o', option]).concat(['-F', '/dev/null', '-i', identity]);
  const sshWords = (command: string, identity = key) =>
    sshOptions(identity).concat(['-p', String(port), 'debian@127.0.0.1', command]);
  /** As an operator has it, who is nowhere near the box. */
  const sshThroughHub = (...words: string[]) =>
    ['ssh', 'debian@till', '--kubeconfig', world.kubeconfig, '--'].concat(sshOptions(), words);
  async function ssh(command: string): Promise<string> {
    const { stdout } = await run('ssh', sshWords(command), { timeout: 60_000 });
    return stdout.trim();
  }
  const untilIn = async () =>
    waitFor(
      'cloud-init to be through, as seen over SSH',
      async () => (await ssh('cat /run/cloud-init/result.json')).includes('"errors": []'),
      BOOT_MS,
    );

  const INSTANCE = '/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/till';
  const ask = async <T>(subresource: string) =>
    JSON.parse(await world.kubectl('get', '--raw', `${INSTANCE}/${subresource}`)) as T;
  const order = async (verb: string) => {
    const url = `/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines/till/${verb}`;
    const { stderr } = await world.tryKubectl(['replace', '-f', '-', '--raw', url], '{}');
    expect(stderr).toBe('');
  };
  const replace = async (path: string, value: unknown) => {
    const patch = JSON.stringify([{ op: 'replace', path, value }]);
    await world.kubectl('patch', 'vm', 'till', '--type', 'json', '-p', patch);
  };

  test('is set up by cloud-init, and lets in who has the key', async () => {
    expect(await ssh('hostname; cat /etc/shop; cat /etc/set-up')).toBe('till-7\nHarbour Street 7\nset up');
    expect(await ssh('systemctl is-active systemd-journald qemu-guest-agent')).toBe('active\nactive');
    await expect(run('ssh', sshWords('true', otherKey))).rejects.toThrow(/Permission denied/);
  });

  test('tells of itself through its agent', async () => {
    const status = await waitFor('what its agent says', async () => {
      const { status: now } = await world.instance('till');
      return now?.guestOSInfo?.id !== undefined && now.interfaces?.[0]?.ipAddress !== undefined && now;
    });
    expect(status.guestOSInfo).toMatchObject({ id: 'debian', name: 'Debian GNU/Linux' });
    expect(status.conditions).toContainEqual(
      expect.objectContaining({ type: 'AgentConnected', status: 'True' }),
    );
    expect(status.interfaces?.[0]).toMatchObject({
      name: 'default',
      interfaceName: expect.stringMatching(/^en|^eth/),
      ipAddress: await ssh('hostname -I | cut -d " " -f 1'),
    });

    expect(await ask('guestosinfo')).toMatchObject({ hostname: 'till-7', os: { id: 'debian' } });
    const { items } = await ask<{ items: object[] }>('filesystemlist');
    expect(items).toContainEqual(expect.objectContaining({ mountPoint: '/', fileSystemType: 'ext4' }));
    // Nobody is logged in without a terminal.
    const session = spawn(HOLDFAST, sshThroughHub('-tt', 'cat'), { stdio: ['pipe', 'ignore', 'ignore'] });
    await waitFor('the user', async () => {
      const users = await ask<{ items: { userName: string }[] }>('userlist');
      return users.items.some(({ userName }) => userName === 'debian');
    }).finally(() => session.kill());
  });

  test('is reached by ssh and scp through the hub', async () => {
    const { stdout } = await run(HOLDFAST, sshThroughHub('hostname && uptime -s'));
    expect(stdout).toBe(`till-7\n${await ssh('uptime -s')}\n`);
    await expect(run(HOLDFAST, sshThroughHub('exit 7'))).rejects.toMatchObject({ code: 7 });

    const [there, back] = [join(world.folder, 'ssh/there'), join(world.folder, 'ssh/back')];
    writeFileSync(there, randomBytes(FILE_BYTES));
    const proxy = `${HOLDFAST} port-forward --stdio till 22 --kubeconfig ${world.kubeconfig}`;
    const scp = async (from: string, to: string) =>
      run('scp', ['-q', ...sshOptions(), '-o', `ProxyCommand=${proxy}`, from, to]);
    await scp(there, 'debian@till:/var/tmp/file');
    const sum = createHash('sha256').update(readFileSync(there)).digest('hex');
    expect(await ssh('sha256sum </var/tmp/file')).toBe(`${sum}  -`);
    await scp('debian@till:/var/tmp/file', back);
    expect(readFileSync(back).equals(readFileSync(there))).toBe(true);
  });

  test.skipIf(VIRTCTL === '')('is reached, asked and ordered by virtctl (TEST_VIRTCTL)', async () => {
    // What it has ssh call does not hear of its flags.
    const env = { ...process.env, KUBECONFIG: world.kubeconfig };
    const virtctl = async (...args: string[]) => (await run(VIRTCTL, args, { env })).stdout;
    const local = ['-i', key, ...SSH_OPTIONS.map((option) => `--local-ssh-opts=-o ${option}`)];
    expect(await virtctl('ssh', 'debian@vm/till', ...local, '--command', 'hostname')).toBe('till-7\n');
    const [there, back] = [join(world.folder, 'ssh/virtctl-there'), join(world.folder, 'ssh/virtctl-back')];
    writeFileSync(there, randomBytes(FILE_BYTES));
    await virtctl('scp', ...local, there, 'debian@vmi/till:/var/tmp/by-virtctl');
    await virtctl('scp', ...local, 'debian@vmi/till:/var/tmp/by-virtctl', back);
    expect(readFileSync(back).equals(readFileSync(there))).toBe(true);

    expect(JSON.parse(await virtctl('guestosinfo', 'till'))).toMatchObject({ hostname: 'till-7' });
    expect(await virtctl('fslist', 'till')).toContain('"mountPoint": "/"');
    expect(JSON.parse(await virtctl('userlist', 'till'))).toHaveProperty('items');

    const console = openSession(VIRTCTL, ['console', 'till', '--kubeconfig', world.kubeconfig]);
    console.say('\n');
    await console.hears(/till-7 login:/);
    console.end();

    await virtctl('pause', 'vm', 'till');
    await world.untilStatus('till', 'Paused');
    await virtctl('unpause', 'vm', 'till');
    await world.untilStatus('till', 'Running');
  });

  test('writes nothing while it is frozen through the hub, until it is thawed or its time is over', async () => {
    const session = openSession(HOLDFAST, sshThroughHub('bash'));
    const look = openSession(HOLDFAST, sshThroughHub('bash'));
    const put = async (verb: string, body: object) => {
      const text = JSON.stringify(body);
      const { stderr } = await world.tryKubectl(['replace', '--raw', `${INSTANCE}/${verb}`, '-f', '-'], text);
      expect(stderr).toBe('');
    };
    const frozen = async () => (await ask<{ fsFreezeStatus?: string }>('guestosinfo')).fsFreezeStatus;
    try {
      session.say('echo shell-$$\n');
      const [, pid] = await session.hears(/shell-(\d+)/);
      const write = (word: string) => session.say(`echo ${word} >/var/tmp/word && echo wrote-${word}\n`);
      /** What it asks of the kernel is not over before the file system is thawed (proc(5), state D). */
      const untilHeld = async (word: string) => {
        // Without a file that would have to be made, or a program that would have to be found.
        look.say(`until [[ $(</proc/${pid}/stat) == *") D "* ]]; do read -t 0.1; done; echo held-${word}\n`);
        await look.hears(new RegExp(`held-${word}`));
      };
      write('first');
      await session.hears(/wrote-first/);
      expect(await frozen()).toBeUndefined();

      await put('freeze', { unfreezeTimeout: '5m0s' });
      expect(await frozen()).toBe('frozen');
      write('second');
      await untilHeld('second');
      expect(session.heard()).not.toContain('wrote-second');
      await put('unfreeze', {});
      await session.hears(/wrote-second/);
      expect(await frozen()).toBeUndefined();

      await put('freeze', { unfreezeTimeout: '20s' });
      write('third');
      await untilHeld('third');
      await session.hears(/wrote-third/);
      await waitFor('what became of it', async () =>
        (await world.events('till')).some(({ reason }) => reason === 'GuestThawed'),
      );
      expect(await ssh('cat /var/tmp/word')).toBe('third');
    } finally {
      session.end();
      look.end();
    }
  });

  test('sees CPUs, memory and disk that it is given while it runs', async () => {
    const memory = async () => Number(await ssh("awk '/^MemTotal/ {print $2 * 1024}' /proc/meminfo"));
    const [boot, before] = [await ssh('cat /proc/sys/kernel/random/boot_id'), await memory()];
    expect(await ssh('nproc; lsblk -bdno SIZE /dev/vda')).toBe(`1\n${2 * GIB}`);
    await replace('/spec/template/spec/domain/cpu/sockets', 2);
    await waitFor('two CPUs', async () => (await ssh('nproc')) === '2', BOOT_MS);
    await replace('/spec/template/spec/domain/memory/guest', '1536Mi');
    await waitFor('more memory', async () => (await memory()) === before + GIB / 2, BOOT_MS);
    await replace('/spec/dataVolumeTemplates/0/spec/storage/resources/requests/storage', '3Gi');
    const size = () => ssh('lsblk -bdno SIZE /dev/vda');
    await waitFor('the larger disk', async () => (await size()) === String(3 * GIB), BOOT_MS);
    expect(await ssh('cat /proc/sys/kernel/random/boot_id')).toBe(boot);
    const { status } = await world.machine('till');
    expect(status?.conditions?.find(({ type }) => type === 'RestartRequired')?.status).not.toBe('True');
  });

  test('is shut down by systemd, and comes back as it was, with a larger file system', async () => {
    await order('stop');
    await world.untilStatus('till', 'Stopped', BOOT_MS);
    const stopped = (await world.events('till')).find(({ reason }) => reason === 'Stopped');
    expect(stopped?.message).toBe('the guest shut down');
    const { uid = '' } = (await world.machine('till')).metadata;
    expect(world.console('edge-1', uid)).toContain('reboot: Power down');

    await order('start');
    await world.untilStatus('till', 'Running');
    port = await world.port('till');
    await untilIn();
    expect(await ssh('journalctl -q -b -1 -o cat | grep -c "Reached target.*Power"')).toBe('1');
    // Once for this machine: the stop and the edits did not make it another.
    expect(await ssh('cat /etc/set-up')).toBe('set up');
    expect(Number(await ssh('df -B1 --output=size / | tail -n 1'))).toBeGreaterThan(2.5 * GIB);
    expect(await ssh('nproc')).toBe('2');
  });
});
