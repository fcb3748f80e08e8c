import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ChildBroker {
  readonly address: string;
  readonly child: ChildProcess;
  /** The most memory that it ever held, in bytes. */
  peakBytes(): number;
  kill(): Promise<void>;
}

/** An embedded broker in a process of its own, which answers each `hello` with an `ack`. */
export async function startChildBroker(): Promise<ChildBroker> {
  const script = join(import.meta.dirname, 'broker-process.ts');
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const address = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()));
    child.once('close', () => reject(new Error('the broker did not start')));
  });
  return {
    address,
    child,
    peakBytes() {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
    },
    async kill() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}
