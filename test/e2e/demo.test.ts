import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Service } from '../tools/holdfast.ts';
import { startService } from '../tools/holdfast.ts';
import { processesNaming, qemusBelow } from '../tools/processes.ts';
import { waitFor } from '../tools/wait-for.ts';

const GUIDE_END = 'Ctrl-C here';

describe('holdfast demo', () => {
  let folder: string;
  let demo: Service;
  let hints: string[];

  const start = (log: string) =>
    startService(['demo', '--data-dir', join(folder, 'demo'), '--accel', 'tcg'], join(folder, log));
  const untilGuide = () => waitFor('the guide', () => demo.log().includes(GUIDE_END), 120_000);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-'));
    chmodSync(folder, 0o755);
    demo = start('first.log');
    await untilGuide();
    hints = demo.log().split('Everything runs.')[1]?.split('\n') ?? [];
  });
  afterAll(async () => {
    await demo.end('SIGINT');
    rmSync(folder, { recursive: true });
  });

  /** Pastes one line of the guide into a shell that has done its `export`. */
  async function paste(part: string): Promise<string> {
    const line = hints.find((hint) => hint.includes(part) && !hint.trimStart().startsWith('#')) ?? '';
    expect(line, part).not.toBe('');
    const setUp = hints.find((hint) => hint.includes('export KUBECONFIG')) ?? '';
    const child = spawn('bash', ['-c', `${setUp}\n${line}`], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(output, line).toSatisfy(() => code === 0);
    return output;
  }
  const uptime = async () =>
    (JSON.parse((await paste('curl')).replace(/^[^{]*/, '')) as { uptimeSeconds: number }).uptimeSeconds;

  test('says step by step how the machine comes up', () => {
    for (const step of [
      'the hub answers',
      'is connected',
      'given to the hub',
      'Running',
      'holdfast-guest: ready',
    ]) {
      expect(demo.log()).toContain(step);
    }
  });

  test('prints commands that do what they say', async () => {
    expect(await paste('get devices,vm,vmi')).toMatch(/hello +\S+ +Running/);
    expect(await paste('describe vm')).toContain('Printable Status');
    expect(await paste('get events')).toContain('Started');
    expect(await uptime()).toBeGreaterThan(0);
    expect(await paste('vm console')).toContain('holdfast-guest: ready');
    await paste('"Halted"');
    await waitFor('Stopped', async () => /hello +\S+ +Stopped/.test(await paste('get devices,vm,vmi')));
    await paste('"Always"');
    await waitFor('the guest', async () => (await uptime()) > 0);
  });

  test('keeps its machine while hub and agent are killed, and starts them again', async () => {
    const [qemu] = qemusBelow(folder);
    await paste('hub.pid');
    await waitFor('the link to be down', async () =>
      (await paste('holdfast status')).includes('link     down'),
    );
    await paste('agent.pid');
    await waitFor('the agent again', async () => (await paste('holdfast status')).includes('hello'));
    expect(await uptime()).toBeGreaterThan(0);
    await waitFor('the hub again', async () => /True/.test(await paste('get devices,vm,vmi')), 90_000);
    expect(qemusBelow(folder)).toEqual([qemu]);
  });

  test('ends at Ctrl-C with the guest shut down and no process left', async () => {
    await demo.end('SIGINT');
    expect(demo.log()).toContain('the guest has shut down');
    expect(demo.exitCode()).toBe(0);
    expect(processesNaming(folder)).toEqual([]);
  });

  test('takes up its machine at the next start, without fetching anything again', async () => {
    demo = start('second.log');
    await untilGuide();
    expect(demo.log()).not.toContain('fetching');
    expect(demo.log()).toMatch(/answers: hello, boot [3-9] from this disk/);
  });

  test('leaves nothing behind when it is interrupted halfway up', async () => {
    await demo.end('SIGINT');
    demo = start('third.log');
    await waitFor('the machine', () => demo.log().includes('Running'));
    await demo.end('SIGINT');
    expect(demo.exitCode()).toBe(0);
    expect(processesNaming(folder)).toEqual([]);
  });
});
