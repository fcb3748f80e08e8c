import { shapeOf } from '../../../agent/machine/compile.ts';
import { NO_EQUIPMENT } from '../../tools/equipment.ts';
import { expect, test } from 'vitest';
import { EMPTY_MEMORY } from '../../../agent/plan/memory.ts';
import type { MachineMemory } from '../../../agent/plan/memory.ts';
import { planMachine } from '../../../agent/plan/plan-machine.ts';
import { readWanted } from '../../../agent/plan/read-wanted.ts';
import { settleFailedDisk } from '../../../agent/plan/plan-volume.ts';
import type { ObservedMachine } from '../../../agent/ports.ts';
import type { ImageStatus } from '../../../agent/images-port.ts';
import { UID, desiredMachine } from './scenario.ts';

const READY = {
  state: 'ready',
  path: '/images/1',
  sha256: '1'.repeat(64),
  format: 'raw',
  virtualBytes: 512,
} as const;
const ABSENT: ImageStatus = { state: 'absent' };

function planEntry(
  entry: unknown,
  memory: MachineMemory,
  image: ImageStatus,
  observed?: Partial<ObservedMachine>,
  nowMs = 1_000,
  hasDisk = true,
) {
  const wanted = readWanted(entry);
  if (wanted === undefined) throw new Error('the entry can not be read');
  return planMachine({
    wanted,
    memory,
    ...(observed === undefined ? {} : { observed: { uid: UID, disks: [], ...observed } }),
    imageStatus: () => image,
    hasDisk: () => hasDisk,
    box: {
      bootId: 'boot-1',
      equipment: NO_EQUIPMENT,
      probing: false,
      accelerator: 'tcg',
      acceleratorReason: 'asked for',
    },
    nowMs,
    wallMs: Date.parse('2026-03-01T08:00:00Z'),
    jitter: 0,
  });
}

function containerMachine(containerDisk: object) {
  const desired = desiredMachine('Always');
  return { ...desired, spec: { ...desired.spec, volumes: [{ name: 'disk', containerDisk }] } };
}

const kindsOf = ({ actions }: { actions: readonly { kind: string }[] }) => actions.map(({ kind }) => kind);

test('an image that may change under its name is asked for at each start, and a kept one serves', () => {
  const entry = containerMachine({ image: 'disks/debian' });
  const first = planEntry(entry, EMPTY_MEMORY, READY);
  expect(first.actions).toMatchObject([
    { kind: 'fetch-image', source: { url: 'docker://docker.io/disks/debian:latest', pull: 'Always' } },
  ]);
  const second = planEntry(entry, first.memory, READY);
  expect(kindsOf(second)).toEqual(['start']);
  const next = {
    ...second.memory,
    run: { number: 1, ended: { atMs: 1, how: 'failed', detail: '' } },
  } as const;
  expect(kindsOf(planEntry(entry, next, READY))).toEqual(['fetch-image']);
});

test.each([{ image: 'disks/debian:12' }, { image: 'disks/debian', imagePullPolicy: 'IfNotPresent' }])(
  'what is kept of %o is asked for no more',
  (containerDisk) => {
    const entry = containerMachine(containerDisk);
    expect(kindsOf(planEntry(entry, EMPTY_MEMORY, READY))).toEqual(['start']);
    expect(kindsOf(planEntry(entry, EMPTY_MEMORY, ABSENT))).toEqual(['fetch-image']);
  },
);

test('imagePullPolicy Never fetches nothing, and says so', () => {
  const entry = containerMachine({ image: 'disks/debian', imagePullPolicy: 'Never' });
  const plan = planEntry(entry, EMPTY_MEMORY, ABSENT);
  expect(plan).toMatchObject({ actions: [], status: { state: 'Provisioning', reason: 'ErrImageNeverPull' } });
  expect(kindsOf(planEntry(entry, EMPTY_MEMORY, READY))).toEqual(['start']);
});

test("a pull secret's login is a part of neither the source's name nor what the machine's process is made of", () => {
  const config = { auths: { 'registry.example': { username: 'me', password: 'hidden' } } };
  const secret = { data: { '.dockerconfigjson': Buffer.from(JSON.stringify(config)).toString('base64') } };
  const image = { image: 'registry.example/disk:1', imagePullSecret: 'pull' };
  const entry = { ...containerMachine(image), references: { secrets: { pull: secret } } };
  const wanted = readWanted(entry);
  const compiled = wanted?.kind === 'machine' ? wanted.compiled : undefined;
  expect(compiled?.disks).toMatchObject([
    { content: { source: { access: { dockerConfig: JSON.stringify(config) } } } },
  ]);
  const shape = compiled === undefined ? '' : JSON.stringify(shapeOf(compiled));
  expect(shape).not.toContain('hidden');
  expect(shape).toContain('docker://registry.example/disk:1');
});

function volumeEntry(source: object, more: object = {}) {
  const storage = { resources: { requests: { storage: '1Gi' } } };
  const dataVolume = { metadata: { name: 'media' }, spec: { source, storage } };
  return {
    uid: UID,
    namespace: 'default',
    name: 'media',
    kind: 'DataVolume',
    generation: 3,
    dataVolume,
    ...more,
  };
}

test('a data volume of its own is fetched, made once, and then there', () => {
  const entry = volumeEntry({ http: { url: 'http://images.example/a' } });
  const first = planEntry(entry, EMPTY_MEMORY, ABSENT);
  expect(first.actions).toMatchObject([{ kind: 'fetch-image', source: { url: 'http://images.example/a' } }]);
  expect(first.status).toMatchObject({ kind: 'DataVolume', generation: 3, state: 'Provisioning' });
  const half = planEntry(entry, first.memory, { state: 'fetching', bytes: 30, totalBytes: 60 });
  expect(half.status.message).toBe('fetching http://images.example/a: 50 % of 60 B');
  expect(half.status.dataVolumes).toEqual([{ name: 'media', phase: 'ImportInProgress', progress: '50.0%' }]);
  const made = planEntry(entry, first.memory, READY);
  expect(made.actions).toMatchObject([{ kind: 'make-disk', uid: UID, content: { dataVolume: 'media' } }]);
  const there = planEntry(entry, made.memory, READY, { disks: ['media'] });
  expect(there).toMatchObject({ actions: [], status: { state: 'Succeeded', reason: 'Filled' } });
  expect(there.status.dataVolumes).toEqual([{ name: 'media', phase: 'Succeeded' }]);
  // One that was there and is gone is not made anew.
  const gone = planEntry(entry, there.memory, READY, { disks: [] });
  expect(gone).toMatchObject({ actions: [], status: { state: 'Refused', reason: 'DiskMissing' } });
});

test('a blank one needs nothing; one for an upload waits and says for what', () => {
  expect(kindsOf(planEntry(volumeEntry({ blank: {} }), EMPTY_MEMORY, ABSENT))).toEqual(['make-disk']);
  const waiting = planEntry(volumeEntry({ upload: {} }), EMPTY_MEMORY, ABSENT);
  expect(waiting).toMatchObject({ actions: [], status: { reason: 'WaitingForUpload' } });
  expect(waiting.status.dataVolumes).toEqual([{ name: 'media', phase: 'UploadReady' }]);
  expect(waiting.status.message).toContain('holdfast image upload NAMESPACE/NAME FILE');
  expect(kindsOf(planEntry(volumeEntry({ upload: {} }), EMPTY_MEMORY, READY))).toEqual(['make-disk']);
});

test('a copy is made of what is there when it is made, from the entry that has it', () => {
  const uid = '9d3e1f6f-53a5-4d30-9d3e-1f6f0b1c2d3e';
  const references = { dataVolumes: { golden: { uid, dataVolume: 'root' } } };
  const entry = volumeEntry({ pvc: { name: 'golden', namespace: 'default' } }, { references });
  const first = planEntry(entry, EMPTY_MEMORY, READY);
  expect(first.actions).toMatchObject([{ kind: 'fetch-image', source: { url: `clone:${uid}/root` } }]);
  expect(kindsOf(planEntry(entry, first.memory, READY))).toEqual(['make-disk']);
  const early = planEntry(entry, EMPTY_MEMORY, ABSENT, undefined, 1_000, false);
  expect(early).toMatchObject({ actions: [], status: { reason: 'WaitingForDataVolume' } });
  expect(early.status.message).toContain('the disk of the data volume root');
  const elsewhere = volumeEntry({ pvc: { name: 'golden', namespace: 'other' } }, { references });
  expect(planEntry(elsewhere, EMPTY_MEMORY, READY).status).toMatchObject({
    state: 'Refused',
    message: 'a copy of other/golden: a disk is copied within its namespace only',
  });
});

test('a disk that could not be made is tried again, later each time', () => {
  const entry = volumeEntry({ blank: {} });
  const failed = settleFailedDisk(
    planEntry(entry, EMPTY_MEMORY, ABSENT).memory,
    'DiskFull',
    'disk full',
    1_000,
    0,
  );
  expect(failed.events).toMatchObject([{ reason: 'DiskFull', type: 'Warning' }]);
  const waiting = planEntry(entry, failed.memory, ABSENT);
  expect(waiting).toMatchObject({ actions: [], status: { reason: 'BackOff' } });
  expect(kindsOf(planEntry(entry, failed.memory, ABSENT, undefined, waiting.wakeAtMs))).toEqual([
    'make-disk',
  ]);
});
