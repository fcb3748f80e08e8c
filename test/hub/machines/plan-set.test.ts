import { describe, expect, test } from 'vitest';
import type { SetMember } from '../../../hub/machines/machine-set.ts';
import type { SetSituation } from '../../../hub/machines/plan-set.ts';
import { planSet } from '../../../hub/machines/plan-set.ts';
import { compilePoolMachine, isOfRevision } from '../../../hub/machines/pool-machine.ts';
import { spreadMachines } from '../../../hub/machines/spread.ts';
import type {
  VirtualMachinePool,
  VirtualMachinePoolSpec,
} from '../../../shared/model/virtual-machine-pool.ts';
import type { VirtualMachine } from '../../../shared/model/virtual-machine.ts';

const LABELS = { app: 'till' };
const NOW = Date.parse('2026-03-01T10:00:00Z');

function pool(spec: Partial<VirtualMachinePoolSpec> = {}): VirtualMachinePool {
  return {
    apiVersion: 'pool.kubevirt.io/v1beta1',
    kind: 'VirtualMachinePool',
    metadata: { name: 'till', namespace: 'default', uid: 'pool', generation: 1 },
    spec: {
      replicas: 3,
      selector: { matchLabels: LABELS },
      virtualMachineTemplate: {
        metadata: { labels: LABELS },
        spec: {
          runStrategy: 'Always',
          dataVolumeTemplates: [
            {
              metadata: { name: 'root' },
              spec: { source: { blank: {} }, storage: { resources: { requests: { storage: '1Gi' } } } },
            },
          ],
          template: {
            spec: {
              domain: { devices: {}, memory: { guest: '128Mi' } },
              volumes: [{ name: 'root', dataVolume: { name: 'root' } }],
            },
          },
        },
      },
      ...spec,
    },
  };
}

interface Look {
  readonly ready?: boolean;
  readonly revision?: string;
  readonly madeAt?: string;
  readonly status?: string;
  readonly behind?: boolean;
  readonly labels?: Record<string, string>;
}

/** A pool's machine as the hub has it. */
function member(
  index: number,
  { ready = true, revision = 'new', behind = false, ...look }: Look = {},
): VirtualMachine {
  const made = compilePoolMachine(pool(), index, revision, {
    name: `till-${index}`,
    namespace: 'default',
    uid: `uid-${index}`,
    generation: 2,
    creationTimestamp: look.madeAt ?? '2026-03-01T08:00:00Z',
    labels: look.labels ?? {},
  });
  return {
    ...made,
    status: {
      ready,
      printableStatus: look.status ?? (ready ? 'Running' : 'Starting'),
      observedGeneration: behind ? 1 : 2,
      conditions: [
        { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: '2026-03-01T09:50:00Z' },
      ],
    },
  };
}

function plan(set: VirtualMachinePool, members: readonly SetMember[], more: Partial<SetSituation> = {}) {
  const names = new Set(members.map(({ metadata }) => metadata.name));
  const outcome = planSet({ set, members, names, revision: 'new', nowMs: NOW, fraction: () => 0.5, ...more });
  const nameOf = ({ metadata }: SetMember) => metadata.name;
  return { ...outcome, remove: outcome.remove.map(nameOf), update: outcome.update.map(nameOf) };
}

describe('the number of a pool', () => {
  test('is reached with the lowest numbers that are free', () => {
    expect(plan(pool(), []).create).toEqual(['till-0', 'till-1', 'till-2']);
    const names = new Set(['till-1', 'till-3']);
    expect(plan(pool({ replicas: 5 }), [member(1)], { names }).create).toEqual([
      'till-0',
      'till-2',
      'till-4',
      'till-5',
    ]);
  });

  test('is 1 unless given, and nothing is done while the pool is paused', () => {
    const { replicas: _, ...spec } = pool().spec;
    expect(plan({ ...pool(), spec }, []).create).toEqual(['till-0']);
    expect(plan(pool({ paused: true }), [member(7)])).toMatchObject({ create: [], remove: [], update: [] });
  });

  test('is reached from above by what does not work, then by the highest numbers', () => {
    const members = [member(0), member(1, { ready: false }), member(2), member(3)];
    expect(plan(pool({ replicas: 2 }), members).remove).toEqual(['till-1', 'till-3']);
  });

  test.each([
    ['AscendingOrder', ['till-0']],
    ['DescendingOrder', ['till-2']],
    ['Oldest', ['till-1']],
    ['Newest', ['till-0']],
  ] as const)('is reached by the policy %s', (sortPolicy, expected) => {
    const members = [
      member(0, { madeAt: '2026-03-01T09:00:00Z' }),
      member(1, { madeAt: '2026-03-01T07:00:00Z' }),
      member(2),
    ];
    const scaleInStrategy = { proactive: { selectionPolicy: { sortPolicy } } };
    expect(plan(pool({ replicas: 2, scaleInStrategy }), members).remove).toEqual(expected);
  });

  test('is reached among what the policy selects, and by nothing where removing is left to people', () => {
    const members = [member(0, { labels: { old: 'yes' } }), member(1), member(2)];
    const selectionPolicy = { selectors: { labelSelector: { matchLabels: { old: 'yes' } } } };
    expect(
      plan(pool({ replicas: 1, scaleInStrategy: { proactive: { selectionPolicy } } }), members).remove,
    ).toEqual(['till-0']);
    expect(plan(pool({ replicas: 1, scaleInStrategy: { unmanaged: {} } }), members).remove).toEqual([]);
    expect(plan(pool({ replicas: 1, scaleInStrategy: { opportunistic: {} } }), members).remove).toEqual([]);
  });

  test('does not count machines that are being deleted, whose names are not free yet', () => {
    const leaving = {
      ...member(0),
      metadata: { ...member(0).metadata, deletionTimestamp: '2026-03-01T09:59:00Z' },
    };
    expect(plan(pool({ replicas: 2 }), [leaving, member(1)]).create).toEqual(['till-2']);
  });
});

describe('a changed template', () => {
  const outdated = (index: number, look: Look = {}) => member(index, { revision: 'old', ...look });

  test('reaches all at once unless told otherwise', () => {
    expect(plan(pool(), [outdated(0), outdated(1), outdated(2)]).update).toHaveLength(3);
  });

  test('makes no more unavailable than it may', () => {
    const members = [outdated(0), outdated(1), outdated(2)];
    expect(plan(pool({ maxUnavailable: 1 }), members).update).toHaveLength(1);
    expect(plan(pool({ maxUnavailable: '67%' }), members).update).toHaveLength(2);
    expect(plan(pool({ maxUnavailable: '1%' }), members).update).toHaveLength(1);
  });

  test('waits for those that were changed before, also where they have yet to notice', () => {
    const spec = { maxUnavailable: 1 };
    expect(plan(pool(spec), [member(0, { behind: true }), outdated(1), outdated(2)]).update).toEqual([]);
    expect(plan(pool(spec), [member(0, { ready: false }), outdated(1), outdated(2)]).update).toEqual([]);
    expect(plan(pool(spec), [member(0), outdated(1), outdated(2)]).update).toHaveLength(1);
  });

  test('reaches what does not work anyway without waiting', () => {
    const members = [outdated(0, { ready: false }), outdated(1, { ready: false }), outdated(2)];
    expect(plan(pool({ maxUnavailable: 1 }), members).update).toEqual(['till-1', 'till-0']);
  });

  test('reaches nobody where updating is left to people', () => {
    expect(
      plan(pool({ updateStrategy: { unmanaged: {} } }), [outdated(0), outdated(1), outdated(2)]).update,
    ).toEqual([]);
  });
});

describe('healing', () => {
  const crashing = member(0, { ready: false, status: 'CrashLoopBackOff' });

  test('replaces what has failed to run for long enough', () => {
    expect(
      plan(pool({ replicas: 1, autohealing: { minFailingToStartDuration: '10m' } }), [crashing]).remove,
    ).toEqual(['till-0']);
    const later = plan(pool({ replicas: 1, autohealing: { minFailingToStartDuration: '10m1s' } }), [
      crashing,
    ]);
    expect(later).toMatchObject({ remove: [], wakeAtMs: NOW + 1_000 });
  });

  test('leaves machines alone unless asked', () => {
    expect(plan(pool({ replicas: 1 }), [crashing]).remove).toEqual([]);
  });
});

describe("a pool's machine", () => {
  test('has disks of its own, and config maps and secrets where asked', () => {
    const set = pool({ nameGeneration: { appendIndexToConfigMapRefs: true, appendIndexToSecretRefs: true } });
    set.spec.virtualMachineTemplate.spec.template.spec.volumes?.push(
      { name: 'settings', configMap: { name: 'settings' } } as never,
      { name: 'seed', cloudInitNoCloud: { secretRef: { name: 'seed' } } } as never,
    );
    const { spec } = compilePoolMachine(set, 4, 'new', { name: 'till-4' });
    expect(spec.dataVolumeTemplates?.map(({ metadata }) => metadata.name)).toEqual(['root-4']);
    expect(spec.template.spec.volumes).toEqual([
      { name: 'root', dataVolume: { name: 'root-4' } },
      { name: 'settings', configMap: { name: 'settings-4' } },
      { name: 'seed', cloudInitNoCloud: { secretRef: { name: 'seed-4' } } },
    ]);
    expect(set.spec.virtualMachineTemplate.spec.dataVolumeTemplates?.[0]?.metadata.name).toBe('root');
  });

  test('keeps labels of its own, and tells its form of the template', () => {
    const made = compilePoolMachine(pool(), 0, 'a', { name: 'till-0', labels: { own: 'yes' } });
    expect(made.metadata.labels).toMatchObject({ own: 'yes', app: 'till' });
    expect([isOfRevision(made, pool(), 'a'), isOfRevision(made, pool(), 'b')]).toEqual([true, false]);
  });

  test('is restarted by itself for a change that needs it only where the pool says so', () => {
    const restarts = (spec: Partial<VirtualMachinePoolSpec>) =>
      compilePoolMachine(pool(spec), 0, 'a', { name: 'till-0' }).metadata.annotations;
    expect(restarts({})).toEqual({ 'holdfast.dev/restart-when-required': 'true' });
    expect(restarts({ updateStrategy: { opportunistic: {} } })).toEqual({});
  });
});

describe('spreading', () => {
  const device = (name: string, members = 0, isConnected = true, score = 0) => {
    return { name, members, isConnected, score };
  };

  test('fills up those that have the fewest, and those that can be heard first', () => {
    expect(spreadMachines([device('c', 1), device('b', 0, false), device('a')], 5)).toEqual([
      'a',
      'b',
      'a',
      'c',
      'b',
    ]);
  });

  test('prefers devices by their weights, among those that have as few', () => {
    const [plain, better, best] = [device('a'), device('b', 0, true, 10), device('c', 0, true, 90)] as const;
    expect(spreadMachines([plain, better, best], 4)).toEqual(['c', 'b', 'a', 'c']);
    expect(spreadMachines([plain, { ...best, isConnected: false }], 1)).toEqual(['a']);
  });

  test('puts nothing on nothing', () => {
    expect(spreadMachines([], 3)).toEqual([]);
  });
});
