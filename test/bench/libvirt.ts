import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool } from '../../agent/qemu/tool.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { OpenWorlds } from './bench-world.ts';

/** A libvirt daemon of our own, that has one domain. */
export interface Libvirt {
  /** Where the domain's disks may lie. */
  readonly folder: string;
  /** Defines the domain; the first time takes seconds, in which libvirt tries QEMU out. */
  define(xml: string): Promise<void>;
  /** Milliseconds that `virsh start` takes; the domain runs when it returns, and is gone when this does. */
  start(): Promise<number>;
  close(): Promise<void>;
}

export const DOMAIN = 'holdfast-bench';
const PROGRAMS = ['libvirtd', 'virsh', 'unshare'];
/** Where the daemon keeps what it has, whatever its configuration says: each is a folder of ours for it. */
const PLACES = {
  run: '/run/libvirt',
  state: '/var/lib/libvirt',
  log: '/var/log/libvirt',
  cache: '/var/cache/libvirt',
  etc: '/etc/libvirt',
};

/** What has to be there for a daemon of our own, as a sentence; undefined where it is. */
export function explainMissingLibvirt(): string | undefined {
  const missing = PROGRAMS.find((program) => {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
  if (process.getuid?.() !== 0) return 'needs root';
  return missing === undefined
    ? undefined
    : `${missing} is not there: apt-get install libvirt-daemon-system libvirt-clients`;
}

/** Starts a daemon with nothing of the box's own: in a mount namespace, with its places in a folder in `parent`. */
export async function startLibvirt(parent: string, open: OpenWorlds): Promise<Libvirt> {
  const folder = join(parent, 'libvirt');
  const mounts = Object.entries(PLACES).map(([name, place]) => {
    mkdirSync(join(folder, name), { recursive: true, mode: 0o755 });
    return `mkdir -p ${place} && mount --bind '${join(folder, name)}' ${place}`;
  });
  writeFileSync(join(folder, 'etc/libvirtd.conf'), 'auth_unix_rw = "none"\n');
  // Its own log daemon would have to be started too.
  writeFileSync(join(folder, 'etc/qemu.conf'), 'stdio_handler = "file"\n');
  const script = [...mounts, 'exec libvirtd'].join(' && ');
  const daemon = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
    stdio: 'ignore',
  });
  const ended = once(daemon, 'exit');
  const socket = join(folder, 'run/libvirt-sock');
  const virsh = async (...args: readonly string[]) =>
    runTool('virsh', ['--connect', `qemu+unix:///system?socket=${socket}`, ...args]);

  const close = async () => {
    await virsh('destroy', DOMAIN).catch(() => {});
    daemon.kill('SIGTERM');
    await ended;
    open.delete(interrupted);
  };
  const interrupted = { close };
  open.add(interrupted);
  try {
    await waitFor('libvirt', async () => {
      if (daemon.exitCode !== null) throw new Error(`libvirtd ended with code ${daemon.exitCode}`);
      return existsSync(socket) && (await virsh('list')) !== '';
    });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    folder,
    close,
    async define(xml) {
      writeFileSync(join(folder, 'domain.xml'), xml);
      await virsh('define', join(folder, 'domain.xml'));
    },
    async start() {
      const startedAtMs = performance.now();
      await virsh('start', DOMAIN);
      const tookMs = performance.now() - startedAtMs;
      await virsh('destroy', DOMAIN);
      return tookMs;
    },
  };
}
