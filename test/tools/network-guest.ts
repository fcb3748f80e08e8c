import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EffectError } from '../../shared/base/errors.ts';
import type { Shell } from '../../agent/network/shell.ts';
import { endProcess } from './wire.ts';

const BUILD = join(import.meta.dirname, '../guest/build');
const GUEST_FOLDER = join(import.meta.dirname, '../../.holdfast/guest');
const KERNEL_WORDS = 'rdinit=/sbin/network-init console=ttyS0 quiet panic=-1';
const MISSING_PROGRAM = 127;

/**
 * A box of its own in which networks are made: a guest whose kernel has bridges that tell VLANs apart, which not every
 * computer that runs these tests has, and no one needs to be root.
 */
export interface NetworkGuest {
  readonly shell: Shell;
  /** Runs a script of the guest's sh. @throws EffectError with what it said */
  sh(script: string): Promise<string>;
  close(): Promise<void>;
}

export async function startNetworkGuest(): Promise<NetworkGuest> {
  execFileSync(BUILD);
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-network-'));
  const path = join(folder, 'shell.sock');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const qemu = spawn(
    'qemu-system-x86_64',
    [
      '-machine',
      'q35',
      '-accel',
      'tcg',
      '-cpu',
      'max',
      '-m',
      '256',
      '-nodefaults',
      '-display',
      'none',
      '-no-reboot',
      '-serial',
      `file:${join(folder, 'console')}`,
      '-kernel',
      join(GUEST_FOLDER, 'vmlinuz'),
      '-initrd',
      join(GUEST_FOLDER, 'network-initrd'),
      '-append',
      KERNEL_WORDS,
      '-device',
      'virtio-serial-pci',
      '-chardev',
      `socket,id=shell,path=${path}`,
      '-device',
      'virtserialport,chardev=shell,name=holdfast.shell',
    ],
    { stdio: ['ignore', 'ignore', openSync(join(folder, 'log'), 'w')] },
  );
  const ended = once(qemu, 'exit').then(() => {
    const said = ['log', 'console'].map((name) => readFileSync(join(folder, name), 'utf8').slice(-2000));
    throw new Error(`the guest ended: ${said.join('')}`);
  });
  ended.catch(() => {});
  const [socket] = await Promise.race([connected, ended]);
  const readLine = createLineReader(socket);
  await Promise.race([readLine(), ended]);

  let last: Promise<unknown> = Promise.resolve();
  const sh = async (script: string, name = 'sh'): Promise<string> => {
    const answer = last.then(async () => {
      socket.write(`${Buffer.from(script).toString('base64')}\n`);
      return Promise.race([readLine(), ended]);
    });
    last = answer.catch(() => {});
    const [code, out, problem] = (await answer).split(':');
    const [said, failed] = [out, problem].map((text) => Buffer.from(text ?? '', 'base64').toString('utf8'));
    if (code === '0') return said ?? '';
    const missing = Number(code) === MISSING_PROGRAM;
    throw missing
      ? new EffectError('ToolMissing', name, `${name} is not installed`)
      : new EffectError('ToolFailed', name, `${name}: ${failed?.trim() || said?.trim() || `code ${code}`}`);
  };

  return {
    sh,
    shell: {
      async run(words, input) {
        const command = words.map(quote).join(' ');
        const fed = input === undefined ? command : `${decoded(input)} | ${command}`;
        return sh(fed, words[0]);
      },
      async read(file) {
        // What runs no longer has a folder there; a process that ended has an empty command line.
        const text = await sh(`[ ! -e ${quote(file)} ] || { echo there; cat ${quote(file)}; }`);
        return text === '' ? undefined : text.slice('there\n'.length);
      },
      async write(file, text) {
        await sh(`mkdir -p "$(dirname ${quote(file)})" && ${decoded(text)} >${quote(file)}`);
      },
    },
    async close() {
      await endProcess(qemu);
      socket.destroy();
      server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function createLineReader(socket: Socket): () => Promise<string> {
  let held = '';
  let wake = () => {};
  socket.setEncoding('latin1').on('data', (text: string) => {
    held += text;
    wake();
  });
  return async () => {
    for (;;) {
      const end = held.indexOf('\n');
      if (end >= 0) {
        const line = held.slice(0, end);
        held = held.slice(end + 1);
        return line;
      }
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
}

const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
const decoded = (text: string) => `echo ${Buffer.from(text).toString('base64')} | base64 -d`;
