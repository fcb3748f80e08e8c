import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeviceTimeline } from '../../hub/api/subresources/timeline.ts';
import type { Device } from '../../shared/model/device.ts';
import { runHoldfast } from '../tools/holdfast.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { World } from './world.ts';
import { createWorld } from './world.ts';

const RESTART = '/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines/pos/restart';
const DEVICE = '/apis/holdfast.dev/v1alpha1/devices/edge-1';

describe('a machine that is stopped on the box while the hub is away', () => {
  let world: World;

  beforeAll(async () => {
    world = await createWorld();
    await world.startHub();
    world.startAgent('edge-1');
    await waitFor('the device', () => world.get('device', 'edge-1'));
    await world.create('pos', 'edge-1');
    await world.untilStatus('pos', 'Running');
    await world.end('hub', 'SIGKILL');
    await waitFor('the link to be down', async () => (await world.status('edge-1')).link.state === 'down');
  });
  afterAll(() => world.close());

  const vm = async (...args: string[]) => {
    const done = await runHoldfast(['vm', ...args, '--data-dir', world.agentDir('edge-1')]);
    expect(done).toMatchObject({ code: 0, stderr: '' });
  };

  async function override() {
    const { status } = await world.machine('pos');
    return status?.conditions?.find(({ type }) => type === 'LocalOverride');
  }

  const pids = () => world.qemus('edge-1').map(({ pid }) => pid);
  const restart = () => world.tryKubectl(['replace', '--raw', RESTART, '-f', '-'], '{}');

  test('stays down, through a power cut as well, and the box says why, and why the link is down', async () => {
    await vm('stop', 'pos', '--reason', 'cleaning the till');
    await world.cutPower('edge-1');
    world.startAgent('edge-1');
    await waitFor('a first look at the machine', async () => {
      return (await world.localMachine('edge-1', 'pos'))?.state === 'Stopped';
    });
    await waitFor('a reason', async () => (await world.status('edge-1')).link.problem !== undefined);
    const { stdout } = await runHoldfast(['status', '--data-dir', world.agentDir('edge-1')]);
    expect(stdout).toMatch(/link +down since \S+: .*ECONNREFUSED/);
    expect(stdout).toMatch(
      /held +default\/pos: stop ordered by \S+ at \S+, until 'holdfast vm start default\/pos' here, or until the hub releases it: cleaning the till/,
    );
    expect(stdout).toMatch(/outbox +\d+ reports wait/);
    expect(pids()).toEqual([]);
  });

  test('stays down when the hub is back, whatever changes there, and shows how that is ended', async () => {
    await world.startHub();
    await waitFor('the condition', override);
    const patch = '{"spec":{"runStrategy":"RerunOnFailure"}}';
    await world.kubectl('patch', 'vm', 'pos', '--type', 'merge', '-p', patch);
    await waitFor('the box to have heard of it', async () => {
      const { status, metadata } = await world.machine('pos');
      return status?.observedGeneration === metadata.generation;
    });
    expect(pids()).toEqual([]);
    expect((await override())?.message).toMatch(
      /by \S+ at .*: cleaning the till. It holds, though .* RerunOnFailure/,
    );
    await waitFor('the device to say so', async () => {
      return (await world.get<Device>('device', 'edge-1')).status?.overriddenMachines === 1;
    });
    expect(await world.kubectl('get', 'device', 'edge-1')).toMatch(/OVERRIDES[^]*edge-1 +True +1 +1 /);
  });

  test('is refused a restart through the API for as long as that holds', async () => {
    const { code, stderr } = await restart();
    expect(code).toBe(1);
    expect(stderr).toMatch(/"pos" is held by|held by the stop ordered on the box at .*: release that first/);
  });

  test('runs again when the command in its condition was given', async () => {
    const [, command = ''] = /until 'kubectl ([^']+)'/.exec((await override())?.message ?? '') ?? [];
    await world.kubectl(...command.split(' '));
    await world.untilStatus('pos', 'Running');
    expect(await override()).toBeUndefined();
    const reasons = (await world.events('pos')).map(({ reason }) => reason);
    expect(reasons.filter((reason) => reason?.startsWith('LocalOrder'))).toEqual([
      'LocalOrder',
      'LocalOrderReleased',
    ]);
  });

  test('is restarted through the API, and its device answers a ping', async () => {
    await world.guest(await world.port('pos'));
    const before = pids();
    const { code, stdout, stderr } = await restart();
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'Success' });
    await waitFor('another process', () => pids().length === 1 && pids()[0] !== before[0]);
    await world.untilStatus('pos', 'Running');
    const ping = JSON.parse(await world.kubectl('get', '--raw', `${DEVICE}/ping`)) as object;
    expect(ping).toMatchObject({ kind: 'DevicePing', roundTripMilliseconds: expect.any(Number) as number });
  });

  test('is let run again at once where the device is to release orders, which kubectl edit can say', async () => {
    const editor = `sed -i 's/^metadata:/spec:\\n  localOverrides: Release\\nmetadata:/'`;
    const edited = await world.tryKubectl(['edit', 'device', 'edge-1'], '', { KUBE_EDITOR: editor });
    expect([edited.code, edited.stdout]).toEqual([0, expect.stringContaining('edited')]);
    expect((await world.get<Device>('device', 'edge-1')).spec).toEqual({ localOverrides: 'Release' });
    await vm('stop', 'pos', '--reason', 'cleaning again', '--no-wait');
    await waitFor('its release', async () => {
      const reasons = (await world.events('pos')).map(({ reason }) => reason);
      return reasons.filter((reason) => reason === 'LocalOrderReleased').length === 2;
    });
    // Its guest may or may not have heard of the stop before that was called off: it runs in the end.
    await waitFor('a guest that stays', async () => {
      const machine = await world.localMachine('edge-1', 'pos');
      return machine?.state === 'Running' && machine.override === undefined;
    });
    await waitFor('the hub to say so', async () => (await override()) === undefined);
  });

  test('has a history that says all of it, in the order in which it happened', async () => {
    const args = ['timeline', 'edge-1', '--machine', 'default/pos', '--kubeconfig', world.kubeconfig];
    const { stdout } = await runHoldfast([...args, '-o', 'json']);
    const { items } = JSON.parse(stdout) as DeviceTimeline;
    const told = items.filter(({ kind }) => kind === 'event' || kind === 'request');
    const all = told.map(({ reason }) => reason);
    expect(all.filter((reason) => reason === 'HubOrder')).toHaveLength(1);
    // What the hub notes and what the box tells within the same milliseconds may be either way round.
    const reasons = all.filter((reason) => reason !== 'HubOrder');
    expect(reasons.join(' ')).toMatch(
      /^Started LocalOrder ShutdownRequested Stopped RestartRequested RestartFailed LocalOrderReleased Started RestartRequested RestartAccepted ShutdownRequested Stopped Started LocalOrder .*LocalOrderReleased/,
    );
    const text = await runHoldfast(['timeline', 'edge-1', '--since', '1h', '--kubeconfig', world.kubeconfig]);
    expect(text.stdout).toMatch(
      /\d+s later +LocalOrder +default\/pos +stop was ordered on the box by \S+: cleaning/,
    );
    expect(text.stdout).toMatch(/at once +Connected/);
    expect(text.stdout).toMatch(/at once +Desired .*default\/pos \(RerunOnFailure\)/);
  });

  test('can not be restarted when its device is away, and it is said at once what to do', async () => {
    await world.end('edge-1');
    await waitFor('the hub to notice', async () => {
      return /False/.test(await world.kubectl('get', 'device', 'edge-1'));
    });
    const { code, stderr } = await restart();
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /is not connected since .* it last said Running at .* 'holdfast vm restart default\/pos'/,
    );
  });
});
