import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../../shared/base/canonical-json.ts';
import { compileMachine, shapeOf } from '../../../agent/machine/compile.ts';
import { formOf } from '../../../shared/model/form.ts';
import type { KindDefinition } from '../../../shared/model/kind.ts';
import { apiVersionOf } from '../../../shared/model/kind.ts';
import type { DesiredMachine } from '../../../shared/model/machine.ts';
import { desiredMachine } from '../../../shared/model/machine.ts';
import { validate } from '../../../shared/model/validate.ts';
import { findMeaningless } from '../../../shared/model/warnings.ts';
import { bend } from '../../tools/arbitrary-value.ts';
import { UID } from '../../agent/machine/desired.ts';
import { KUBEVIRT_KINDS } from './kubevirt-fields.ts';

/** Good manifests with a few of their fields changed, at random and always alike: each is understood or refused. */

const RUNS = { numRuns: 500, seed: 4 };

const INSTANCE_SPEC = {
  nodeSelector: { a: 'b' },
  domain: {
    cpu: { cores: 2 },
    memory: { guest: '1Gi' },
    resources: { requests: { memory: '1Gi' } },
    machine: { type: 'q35' },
    firmware: { bootloader: { bios: {} } },
    devices: {
      disks: [
        { name: 'a', disk: { bus: 'virtio' } },
        { name: 'b', cdrom: { bus: 'sata' } },
      ],
      interfaces: [{ name: 'a', masquerade: {}, ports: [{ port: 80 }] }],
    },
  },
  networks: [{ name: 'a', pod: {} }],
  volumes: [
    { name: 'a', emptyDisk: { capacity: '1Gi' } },
    { name: 'b', cloudInitNoCloud: { userData: 'a' } },
  ],
};
const STORAGE = { resources: { requests: { storage: '1Gi' } } };
const VOLUME_SPEC = { source: { blank: {} }, storage: STORAGE };
const MACHINE_SPEC = {
  runStrategy: 'Always',
  dataVolumeTemplates: [{ metadata: { name: 'c' }, spec: VOLUME_SPEC }],
  template: { metadata: { labels: { a: 'b' } }, spec: INSTANCE_SPEC },
};
const SELECTOR = { matchLabels: { a: 'b' } };
const SPECS: Readonly<Record<string, object>> = {
  VirtualMachine: MACHINE_SPEC,
  VirtualMachineInstance: INSTANCE_SPEC,
  VirtualMachineInstanceReplicaSet: { selector: SELECTOR, template: MACHINE_SPEC.template },
  VirtualMachinePool: {
    selector: SELECTOR,
    virtualMachineTemplate: { metadata: { labels: { a: 'b' } }, spec: MACHINE_SPEC },
  },
  VirtualMachineInstancetype: { cpu: { guest: 1 }, memory: { guest: '1Gi' } },
  VirtualMachinePreference: { cpu: {}, devices: {}, features: {}, firmware: {}, requirements: {} },
  DataVolume: VOLUME_SPEC,
};
const FUZZED = KUBEVIRT_KINDS.filter(({ kind }) => Object.hasOwn(SPECS, kind));

/** Objects of a kind that have the right head, and a spec that was changed. */
function manifestsOf(kind: KindDefinition): fc.Arbitrary<object> {
  const form = formOf(kind.schema);
  const spec = form.form === 'object' ? form.members['spec'] : undefined;
  if (spec === undefined) throw new Error(`${kind.kind} has no spec`);
  const head = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name: 'a' } };
  return bend(spec, SPECS[kind.kind]).map((each) => transport({ ...head, spec: each }) as object);
}

function transport(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

test.each(FUZZED)(
  'any $kind is taken, or refused in words, and one that is taken can be read again',
  (kind) => {
    let taken = 0;
    fc.assert(
      fc.property(manifestsOf(kind), (manifest) => {
        const checked = validate(kind.schema, manifest);
        if (!checked.ok) {
          expect(checked.causes).not.toEqual([]);
          expect(checked.causes.filter(({ message }) => message.trim() === '')).toEqual([]);
          return;
        }
        taken += 1;
        expect(findMeaningless(kind.schema, checked.value).filter(({ field }) => field === '')).toEqual([]);
        const value = transport(checked.value);
        expect(validate(kind.schema, value)).toEqual({ ok: true, value });
      }),
      RUNS,
    );
    expect(taken).toBeGreaterThan(0);
  },
);

/** What a machine's process is made of, or why there can be none: something that it names is not with it. */
function compileOrComplain(desired: DesiredMachine): string {
  try {
    return canonicalJson(shapeOf(compileMachine(desired)));
  } catch (error) {
    if (error instanceof Error && error.constructor === Error) return error.message;
    throw error;
  }
}

test('any instance that is taken becomes a machine, or its device says what it lacks', () => {
  const kind = KUBEVIRT_KINDS.find((one) => one.kind === 'VirtualMachineInstance');
  if (kind === undefined) throw new Error('instances are not served');
  const entry = {
    uid: UID,
    namespace: 'a',
    name: 'a',
    kind: kind.kind,
    generation: 1,
    runStrategy: 'Always',
  };
  fc.assert(
    fc.property(manifestsOf(kind), (manifest) => {
      const checked = validate(kind.schema, manifest);
      if (!checked.ok) return;
      const { spec } = checked.value;
      const desired = validate(desiredMachine, transport({ ...entry, dataVolumes: [], spec }));
      expect(desired).toMatchObject({ ok: true });
      if (desired.ok) expect(compileOrComplain(desired.value)).toMatch(/^(?!bug:).+/);
    }),
    RUNS,
  );
});
