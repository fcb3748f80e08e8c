import { execFileSync } from 'node:child_process';
import { chmodSync, createReadStream } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createImages } from '../../agent/image/images.ts';
import { compileMachine } from '../../agent/machine/compile.ts';
import type { ImageSource } from '../../agent/machine/image-source.ts';
import { sourceKey } from '../../agent/machine/image-source.ts';
import type { Machines } from '../../agent/ports.ts';
import type { Images, ReadyImage } from '../../agent/images-port.ts';
import { accountCommand } from '../../agent/qemu/launch.ts';
import { findAccount } from '../../agent/qemu/folder.ts';
import { createClock } from '../../shared/host/clock.ts';
import { createLog } from '../../shared/host/log.ts';
import { createRandom } from '../../shared/host/random.ts';
import { desiredMachine } from '../../shared/model/machine.ts';
import { fetched } from '../agent/image/setup.ts';
import { PLAIN_LIMITS } from '../agent/image/plain-limits.ts';
import { GUEST_FOLDER, OTHER_UID, UID, killMachine, listen, until } from './machines-world.ts';
import { useWorld } from './use-world.ts';

/** Data volumes of their own, with the real images, real disks and real guests of different users. */
const VOLUME_UID = '7c1e0d3a-11aa-4b5b-8c6d-2e3f4a5b6c7d';
const UPLOAD: ImageSource = { url: `upload:${VOLUME_UID}/media` };
const CLONE: ImageSource = { url: `clone:${VOLUME_UID}/media` };

const world = useWorld();
let images: Images;
let machines: Machines;

const user = process.geteuid?.() === 0 ? 'nobody' : undefined;

beforeEach(async () => {
  chmodSync(world.root, 0o755);
  const dataDir = join(world.root, 'data');
  execFileSync('mkdir', ['-m', '755', dataDir]);
  const runAs = user === undefined ? [] : accountCommand(await findAccount(user));
  const parts = { clock: createClock(), random: createRandom(), log: createLog('error', 'test') };
  images = createImages({ ...PLAIN_LIMITS, ...parts, dataDir, reserveBytes: 0, runAs });
  machines = world.open('data', user === undefined ? {} : { user });
});
afterEach(async () => images.close());

/** A machine that boots from the volume's disk. */
function compileUser(uid: string, name: string) {
  return compileMachine(
    desiredMachine.parse({
      uid,
      namespace: 'shop',
      name,
      kind: 'VirtualMachine',
      generation: 1,
      runStrategy: 'Always',
      dataVolumes: [],
      references: { dataVolumes: { media: { uid: VOLUME_UID, dataVolume: 'media' } } },
      spec: {
        domain: {
          memory: { guest: '160Mi' },
          devices: { disks: [{ name: 'root', disk: { bus: 'virtio' } }] },
        },
        volumes: [{ name: 'root', dataVolume: { name: 'media' } }],
      },
    }),
  );
}

async function bootOnce(uid: string, name: string) {
  await machines.start({ machine: compileUser(uid, name), run: 1, accelerator: 'tcg', images: new Map() });
  const heard = listen(await machines.openConsole(uid));
  // From its disk and its firmware, beside others: longer than a kernel that is handed over.
  await until('the guest is ready', () => /holdfast-guest: ready/.test(heard.text()), 120_000);
}

test("an uploaded volume is one machine's after another's, and is copied when none has it", async () => {
  await images.upload(UPLOAD, createReadStream(join(GUEST_FOLDER, 'disk.qcow2')));
  const ready = images.observe(UPLOAD);
  expect(ready).toMatchObject({ state: 'ready', format: 'qcow2' });
  const content = { from: 'image', dataVolume: 'media', source: UPLOAD, minBytes: 2 ** 27 } as const;
  await machines.makeDisk(VOLUME_UID, content, new Map([[sourceKey(UPLOAD), ready as ReadyImage]]));

  await bootOnce(UID, 'first');
  expect(await fetched(images, CLONE)).toMatchObject({ state: 'failed', code: 'CloneSourceInUse' });
  await expect(bootOnce(OTHER_UID, 'second')).rejects.toThrow(/lock/);
  await killMachine(machines, UID);

  expect(await fetched(images, CLONE)).toMatchObject({ state: 'ready', virtualBytes: 2 ** 27 });
  await bootOnce(OTHER_UID, 'second');
  await killMachine(machines, OTHER_UID);
});
