import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHostPorts } from '../../../agent/qemu/host-ports.ts';
import { createMonitor } from '../../../agent/qemu/monitor.ts';
import { startBehindGate } from '../../../agent/qemu/start.ts';
import { createManualClock } from '../../shared/manual-clock.ts';
import { blankMachine, requestOf } from '../../contract/machines-world.ts';
import { createNoNetworks } from '../../tools/no-networks.ts';
import { NO_LOAN } from '../../../agent/qemu/loans.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-start-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a start that fails is over after 5 s, though its process does not end when killed', async () => {
  const clock = createManualClock();
  let killed = false;
  const gate = {
    pid: 0,
    send: () => {},
    kill: () => {
      killed = true;
    },
    // In state D, say.
    ended: new Promise<never>(() => {}),
  };
  const withKernel = blankMachine(undefined, (spec) => ({
    ...spec,
    domain: {
      ...spec.domain,
      firmware: { kernelBoot: { container: { image: `file://${folder}`, kernelPath: 'missing' } } },
    },
  }));
  const start = startBehindGate(
    {
      folder,
      localImages: folder,
      outside: { claims: new Map(), hostDiskFolders: [] },
      bootId: 'boot',
      account: undefined,
      ports: createHostPorts('127.0.0.1'),
      networks: createNoNetworks(),
      clock,
      loan: NO_LOAN,
    },
    requestOf(withKernel),
    gate,
    createMonitor({ folder, clock, onEvent: () => {} }),
  );
  const failed = expect(start).rejects.toMatchObject({ code: 'KernelUnusable' });
  await expect.poll(() => killed).toBe(true);
  expect(clock.waiting()).toEqual([5_000]);
  clock.advance(5_000);
  await failed;
});
