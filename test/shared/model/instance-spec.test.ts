import { expect, test } from 'vitest';
import { KINDS } from '../../../shared/model/kinds.ts';
import { findMeaningless } from '../../../shared/model/warnings.ts';
import { causesOf, machineWith } from './manifest.ts';

const IN_SPEC = 'spec.template.spec';
const MACHINE = KINDS.find(({ kind }) => kind === 'VirtualMachine');

const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'pos' } } };
const spread = { maxSkew: 1, topologyKey: 'a', whenUnsatisfiable: 'ScheduleAnyway' };
const preferred = { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }] };

test.each<[object, readonly string[]]>([
  [{ hostname: 'till-3', architecture: 'amd64', nodeSelector: { a: 'b' } }, []],
  [
    {
      evictionStrategy: 'LiveMigrate',
      priorityClassName: 'high',
      schedulerName: 'mine',
      serviceAccountName: 'robot',
      subdomain: 'tills',
      dnsPolicy: 'ClusterFirst',
      tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule' }],
      topologySpreadConstraints: [spread],
      affinity: { podAntiAffinity: preferred },
    },
    [
      'evictionStrategy',
      'priorityClassName',
      'schedulerName',
      'serviceAccountName',
      'subdomain',
      'dnsPolicy',
      'tolerations',
      'topologySpreadConstraints',
      'affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution',
    ],
  ],
])('%j is taken, with a warning for what of it does nothing', (spec, warned) => {
  const object = machineWith({ spec });
  expect(causesOf('VirtualMachine', object)).toEqual([]);
  const found = MACHINE === undefined ? [] : findMeaningless(MACHINE.schema, object);
  expect(found.map(({ field }) => field).toSorted()).toEqual(
    warned.map((field) => `${IN_SPEC}.${field}`).toSorted(),
  );
});

const TERM = 'affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]';
const requireNodes = (...nodeSelectorTerms: object[]) => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
});
const required = { requiredDuringSchedulingIgnoredDuringExecution: [] };

test.each<[string, RegExp, object]>([
  [
    'affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms',
    /^must have at least one node selector term$/,
    requireNodes(),
  ],
  [
    `${TERM}.matchExpressions[0].values`,
    /^must be specified when `operator` is 'In' or 'NotIn'$/,
    requireNodes({ matchExpressions: [{ key: 'a', operator: 'In' }] }),
  ],
  [
    `${TERM}.matchExpressions[0].values`,
    /^may not be specified when/,
    requireNodes({ matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] }),
  ],
  [
    `${TERM}.matchExpressions[0].values`,
    /^must be a whole number$/,
    requireNodes({ matchExpressions: [{ key: 'a', operator: 'Gt', values: ['b'] }] }),
  ],
  [
    `${TERM}.matchFields[0].key`,
    /metadata\.name/,
    requireNodes({ matchFields: [{ key: 'spec.x', operator: 'In', values: ['b'] }] }),
  ],
  [
    'affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution',
    /^is not supported: the machines of a set are spread .*nodeSelector/,
    { affinity: { podAntiAffinity: required } },
  ],
  [
    'topologySpreadConstraints[0].whenUnsatisfiable',
    /^DoNotSchedule is not supported: .*nodeSelector/,
    { topologySpreadConstraints: [{ ...spread, whenUnsatisfiable: 'DoNotSchedule' }] },
  ],
  ['dnsPolicy', /^None is not supported: .*network data/, { dnsPolicy: 'None' }],
  ['dnsConfig', /^is not supported: .*network data/, { dnsConfig: { nameservers: ['192.0.2.1'] } }],
  ['resourceClaims', /^is not supported: .*hostDevices/, { resourceClaims: [] }],
  ['architecture', /^must be amd64 or arm64/, { architecture: 's390x' }],
  ['subdomain', /^must be a DNS-1123 subdomain/, { subdomain: 'A b' }],
  ['tolerations[0].tolerate', /^unknown field/, { tolerations: [{ tolerate: 'all' }] }],
])('%s is refused with the way out: %s', (field, message, spec) => {
  expect(causesOf('VirtualMachine', machineWith({ spec }))).toMatchObject([
    { field: `${IN_SPEC}.${field}`, message: expect.stringMatching(message) as string },
  ]);
});

test.each<[string, RegExp, object]>([
  ['runStrategy', /^WaitAsReceiver is not supported/, { runStrategy: 'WaitAsReceiver' }],
  ['updateVolumesStrategy', /^Migration is not supported/, { updateVolumesStrategy: 'Migration' }],
])('spec.%s is refused with the way out: %s', (field, message, machine) => {
  expect(causesOf('VirtualMachine', machineWith({ machine }))).toMatchObject([
    { field: `spec.${field}`, message: expect.stringMatching(message) as string },
  ]);
});

const SPEC = { domain: { memory: { guest: '1Gi' }, devices: {} } };
const HOOK = 'hooks.kubevirt.io/hookSidecars';
const ROOT_COMPLEX = 'kubevirt.io/placePCIDevicesOnRootComplex';

test("what KubeVirt's annotations would change, and is not done here, is refused by name", () => {
  const annotations = { [HOOK]: '[]', [ROOT_COMPLEX]: 'true', 'example.com/note': 'kept' };
  const reason = 'FieldValueNotSupported';
  const instance = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachineInstance', spec: SPEC };
  const ofInstance = { ...instance, metadata: { name: 'a', annotations } };
  expect(causesOf('VirtualMachineInstance', ofInstance)).toMatchObject([
    { field: `metadata.annotations[${HOOK}]`, reason },
    { field: `metadata.annotations[${ROOT_COMPLEX}]`, reason },
  ]);
  const ofTemplate = machineWith({ machine: { template: { metadata: { annotations }, spec: SPEC } } });
  expect(causesOf('VirtualMachine', ofTemplate)).toMatchObject([
    { field: `spec.template.metadata.annotations[${HOOK}]`, reason },
    { field: `spec.template.metadata.annotations[${ROOT_COMPLEX}]`, reason },
  ]);
  const off = { ...instance, metadata: { name: 'a', annotations: { [ROOT_COMPLEX]: 'false' } } };
  expect(causesOf('VirtualMachineInstance', off)).toEqual([]);
});

test('a template does not say of its runs where they are', () => {
  const metadata = { labels: { 'kubevirt.io/nodeName': 'edge-1', 'kubevirt.io/domain': 'pos' } };
  const causes = causesOf('VirtualMachine', machineWith({ machine: { template: { metadata, spec: SPEC } } }));
  expect(causes).toMatchObject([
    {
      field: 'spec.template.metadata.labels[kubevirt.io/nodeName]',
      reason: 'FieldValueNotSupported',
      message: expect.stringContaining('nodeSelector') as string,
    },
  ]);
});
