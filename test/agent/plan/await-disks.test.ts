import { expect, test } from 'vitest';
import { createScenario, desiredMachine } from './scenario.ts';

const OTHER = '9d3e1f6f-53a5-4d30-9d3e-1f6f0b1c2d3e';

function showing(volume: object) {
  const desired = desiredMachine('Always');
  const references = { dataVolumes: { golden: { uid: OTHER, dataVolume: 'golden' } } };
  return { ...desired, references, spec: { ...desired.spec, volumes: [{ name: 'disk', ...volume }] } };
}

test.each([
  ['dataVolume', { dataVolume: { name: 'golden' } }],
  ['persistentVolumeClaim', { persistentVolumeClaim: { claimName: 'golden' } }],
  ['ephemeral', { ephemeral: { persistentVolumeClaim: { claimName: 'golden' } } }],
])('a machine waits for the disk that its %s names, and is started when it is there', (_, volume) => {
  const scenario = createScenario(showing(volume));
  scenario.pass(1_000);
  expect(scenario.status).toMatchObject({ state: 'Provisioning', reason: 'WaitingForDataVolume' });
  expect(scenario.status?.message).toContain(
    'volume disk shows the data volume golden, whose disk is not on',
  );
  expect(scenario.actions).toEqual([]);
  scenario.makeElsewhere(OTHER, 'golden');
  scenario.settle();
  expect(scenario.state).toBe('Running');
  expect(scenario.memory.run?.number).toBe(1);
});

test('a claim that the box does not have is waited for without counting failures, and told once', () => {
  const scenario = createScenario(showing({ persistentVolumeClaim: { claimName: 'ledger' } }));
  scenario.failStarts('the setting "claims" has no default/ledger', 'ClaimNotFound');
  scenario.settle();
  expect(scenario.status).toMatchObject({
    state: 'Provisioning',
    reason: 'ClaimNotFound',
    message: 'the setting "claims" has no default/ledger',
  });
  const said: boolean[] = [];
  for (let second = 0; second < 3_600; second += 1) {
    scenario.pass(1);
    said.push(scenario.tick().statusChanged);
  }
  expect(said).not.toContain(true);
  expect(scenario.status?.backOff).toBeUndefined();
  expect(scenario.events).toEqual(['ClaimNotFound']);
  scenario.failStarts(undefined);
  scenario.pass(11);
  expect(scenario.state).toBe('Running');
  expect(scenario.memory).toMatchObject({ failures: 0, run: { number: 1 } });
  expect(scenario.memory.awaited).toBeUndefined();
});

test('a machine that is to begin held begins so when its disk has come', () => {
  const scenario = createScenario(showing({ persistentVolumeClaim: { claimName: 'ledger' } }));
  scenario.want({ ...showing({ persistentVolumeClaim: { claimName: 'ledger' } }), runStrategy: 'Manual' });
  scenario.tick();
  scenario.hubOrder('start', { paused: true });
  scenario.failStarts('not mounted', 'ClaimUnusable');
  scenario.pass(30);
  expect(scenario.state).toBe('Provisioning');
  scenario.failStarts(undefined);
  scenario.pass(11);
  expect(scenario.state).toBe('Paused');
});

test('one that is stopped while it waits says so, and waits again when it is started', () => {
  const scenario = createScenario(showing({ persistentVolumeClaim: { claimName: 'ledger' } }));
  scenario.failStarts('not mounted', 'ClaimUnusable');
  scenario.settle();
  scenario.order('stop');
  scenario.settle();
  expect(scenario.state).toBe('Stopped');
  scenario.order('start');
  scenario.settle();
  expect(scenario.status).toMatchObject({ state: 'Provisioning', reason: 'ClaimUnusable' });
});

test('a disk is plugged in when its data volume has come, which is waited for without a failure and holds up nothing', () => {
  const before = desiredMachine('Always');
  const scenario = createScenario(before);
  scenario.settle();
  const after = (guest: string) => ({
    ...before,
    generation: 2,
    references: { dataVolumes: { golden: { uid: OTHER, dataVolume: 'golden' } } },
    spec: {
      ...before.spec,
      domain: { memory: { guest }, devices: { disks: [{ name: 'more', disk: { bus: 'scsi' } }] } },
      volumes: [
        ...(before.spec.volumes ?? []),
        { name: 'more', dataVolume: { name: 'golden', hotpluggable: true } },
      ],
    },
  });
  scenario.want(after('128Mi'));
  scenario.pass(100);
  expect(scenario.status).toMatchObject({
    state: 'Running',
    reason: 'WaitingForDataVolume',
    message:
      'volume more shows the data volume golden, whose disk is not on this box yet: it is plugged in once it is',
  });
  expect([scenario.count('change'), scenario.events.slice(1)]).toEqual([0, []]);
  scenario.want(after('256Mi'));
  scenario.settle();
  expect(scenario.count('change')).toBe(1);
  scenario.makeElsewhere(OTHER, 'golden');
  scenario.settle();
  expect(scenario.count('change')).toBe(2);
  expect(scenario.status).toMatchObject({ state: 'Running', reason: 'Running' });
  expect(scenario.status?.restartRequired).toBeUndefined();
});
