import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MachineStatus } from '../../../shared/model/machine.ts';
import type { RequestMessage } from '../../../shared/protocol/messages.ts';
import { decodeMessage, requestMessage } from '../../../shared/protocol/messages.ts';
import type { RunStrategy } from '../../../shared/model/virtual-machine.ts';
import type { TestHub } from '../start-hub.ts';
import { DEVICES, EPOCH, VMIS, hello, report, startHub, statusOf } from '../start-hub.ts';
import { machine } from './start-api.ts';

/** KubeVirt's verbs on machines and instances, as its clients use them. */

const VM = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines';
const SUB = '/apis/subresources.kubevirt.io/v1/namespaces/default';

let hub: TestHub;
let sequence: number;
let uid: string;
beforeEach(async () => {
  hub = await startHub();
  sequence = 0;
  hub.say('edge-1', 'hello', hello());
  await poll(async () => (await hub.call('GET', `${DEVICES}/edge-1`)).code).toBe(200);
});
afterEach(() => hub.stop());

const poll = (look: () => unknown) => expect.poll(look, { interval: 5, timeout: 10_000 });

async function apply(change: { readonly runStrategy?: RunStrategy; readonly running?: boolean }) {
  const given = machine('pos');
  const { template } = given.spec as { template: { spec: object } };
  const nodeSelector = { 'kubernetes.io/hostname': 'edge-1' };
  const spec = { ...change, template: { spec: { ...template.spec, nodeSelector } } };
  uid = (await hub.call('POST', VM, { ...given, spec })).body.metadata.uid ?? '';
  await poll(async () => (await hub.store.transaction(({ machines }) => machines.get(uid)))?.device).toBe(
    'edge-1',
  );
}

/** The device tells what the machine does. */
async function tell(change: Partial<MachineStatus>): Promise<void> {
  sequence += 1;
  const status = { ...statusOf(uid, 'pos', change.state ?? 'Running'), ...change };
  hub.say('edge-1', 'report', report(sequence, { kind: 'machine', status }));
  await poll(
    async () => (await hub.store.transaction(({ machines }) => machines.get(uid)))?.status?.reason,
  ).toBe(status.reason);
}

const PROCESS = { pid: 1, startedAt: '2026-03-01T08:00:00Z', accelerator: 'tcg', guestAgent: true } as const;

async function run(runStrategy: RunStrategy = 'Always', change: Partial<MachineStatus> = {}): Promise<void> {
  await apply({ runStrategy });
  await tell({ state: 'Running', process: PROCESS, ...change });
  await poll(async () => (await hub.call('GET', `${VMIS}/pos`)).body.status?.phase).toBe('Running');
}

function requests(): RequestMessage[] {
  return hub.sent
    .filter(({ channel }) => channel === 'request')
    .map(({ payload }) => {
      const message = decodeMessage(requestMessage, payload);
      if (!message.ok) throw new Error('a request that no device can read');
      return message.value;
    });
}

/** Answers the next request, which is given back. */
async function answer(content?: object): Promise<unknown> {
  await poll(() => requests().at(-1)).toBeDefined();
  const { id = '', body } = requests().at(-1) ?? {};
  hub.say('edge-1', 'response', {
    id,
    outcome: 'done',
    reason: 'Done',
    message: 'done',
    ...(content && { content }),
  });
  return body;
}

const put = (path: string, body: object = {}) => hub.call('PUT', `${SUB}/${path}`, body);
const runStrategyNow = async () => {
  const { spec } = (await hub.call('GET', `${VM}/pos`)).body as unknown as { spec: object };
  return Object.fromEntries(Object.entries(spec).filter(([name]) => name.startsWith('run')));
};

/** The condition of an instance, as `reason: message`. */
async function condition(type: string): Promise<string | undefined> {
  const { body } = await hub.call('GET', `${VMIS}/pos`);
  const found = body.status?.conditions?.find((one) => one.type === type);
  return found && `${found.reason}: ${found.message}`;
}

describe('start', () => {
  test('of a halted machine makes it run always, also where its device is away', async () => {
    await apply({ runStrategy: 'Halted' });
    hub.say('edge-1', 'gone', { epoch: EPOCH, connection: 1 });
    expect(await put('virtualmachines/pos/start', { dryRun: ['All'] })).toMatchObject({ code: 202 });
    expect(await runStrategyNow()).toEqual({ runStrategy: 'Halted' });
    expect(await put('virtualmachines/pos/start')).toMatchObject({ code: 202, body: { status: 'Success' } });
    expect(await runStrategyNow()).toEqual({ runStrategy: 'Always' });
    expect(requests()).toEqual([]);
  });

  test('keeps to the field that the manifest has for it', async () => {
    await apply({ running: false });
    await put('virtualmachines/pos/start');
    expect(await runStrategyNow()).toEqual({ running: true });
    await put('virtualmachines/pos/stop');
    expect(await runStrategyNow()).toEqual({ running: false });
  });

  test('that is to be paused is told to the device first', async () => {
    await apply({ runStrategy: 'Halted' });
    const called = put('virtualmachines/pos/start', { paused: true });
    expect(await answer()).toMatchObject({ verb: 'start', machine: uid, paused: true });
    expect((await called).code).toBe(202);
    expect(await runStrategyNow()).toEqual({ runStrategy: 'Always' });
  });

  test('under Manual is told to the device', async () => {
    await apply({ runStrategy: 'Manual' });
    const called = put('virtualmachines/pos/start');
    expect(await answer()).toMatchObject({ verb: 'start', machine: uid });
    expect((await called).code).toBe(202);
    expect(await runStrategyNow()).toEqual({ runStrategy: 'Manual' });
  });

  test('is refused where it makes no sense, in words of KubeVirt', async () => {
    await run();
    const { code, body } = await put('virtualmachines/pos/start');
    expect([code, body.message]).toEqual([
      409,
      'Operation cannot be fulfilled on virtualmachines.kubevirt.io "pos": VM is already running',
    ]);
    await tell({ state: 'BackOff' });
    expect((await put('virtualmachines/pos/start')).body.message).toMatch(
      /Always does not support manual start requests$/,
    );
  });
});

describe('stop', () => {
  test('of a machine that runs always halts it, without asking its device', async () => {
    await run();
    expect((await put('virtualmachines/pos/stop')).code).toBe(202);
    expect(await runStrategyNow()).toEqual({ runStrategy: 'Halted' });
    expect(requests()).toEqual([]);
  });

  test('with a grace period of its own is told to the device', async () => {
    await run();
    const called = put('virtualmachines/pos/stop', { gracePeriod: 0 });
    expect(await answer()).toMatchObject({ verb: 'stop', machine: uid, gracePeriodSeconds: 0 });
    expect((await called).code).toBe(202);
    expect(await runStrategyNow()).toEqual({ runStrategy: 'Halted' });
    expect((await put('virtualmachines/pos/stop')).body.message).toMatch(/shorter graceperiod$/);
    expect((await put('virtualmachines/pos/stop', { gracePeriod: 30 })).code).toBe(409);
  });

  test('with a grace period changes nothing where the device can not be told', async () => {
    await run();
    hub.say('edge-1', 'gone', { epoch: EPOCH, connection: 1 });
    await poll(async () => (await put('virtualmachines/pos/stop', { gracePeriod: 0 })).code).toBe(503);
    expect(await runStrategyNow()).toEqual({ runStrategy: 'Always' });
  });

  test.each(['Manual', 'RerunOnFailure'] as const)('under %s is told to the device', async (runStrategy) => {
    await run(runStrategy);
    const called = put('virtualmachines/pos/stop');
    expect(await answer()).toMatchObject({ verb: 'stop', machine: uid });
    expect((await called).code).toBe(202);
    expect(await runStrategyNow()).toEqual({ runStrategy });
    await tell({ state: 'Stopped' });
    expect((await put('virtualmachines/pos/stop')).body.message).toMatch(/VM is not running$/);
  });
});

test('a restart without a grace period says so to the device', async () => {
  await run();
  const called = put('virtualmachines/pos/restart', { gracePeriodSeconds: 0 });
  expect(await answer()).toMatchObject({ verb: 'restart', machine: uid, gracePeriodSeconds: 0 });
  expect((await called).code).toBe(202);
});

describe('an instance', () => {
  test.each(['pause', 'softreboot', 'reset'])('that runs can be told to %s', async (verb) => {
    await run();
    const called = put(`virtualmachineinstances/pos/${verb}`);
    expect(await answer()).toMatchObject({ verb, machine: uid });
    expect(await called).toMatchObject({ code: 202, body: { status: 'Success' } });
  });

  test('that is paused says by whom, and can be told to go on, and not to do what it can not', async () => {
    await run('Always', { state: 'Paused', reason: 'PausedByUser', message: 'paused' });
    await poll(async () => condition('Paused')).toBe('PausedByUser: paused');
    expect((await put('virtualmachineinstances/pos/pause')).body.message).toMatch(/VMI is already paused$/);
    expect((await put('virtualmachineinstances/pos/softreboot')).body.message).toMatch(/VMI is paused$/);
    const called = put('virtualmachineinstances/pos/unpause');
    expect(await answer()).toMatchObject({ verb: 'unpause' });
    expect((await called).code).toBe(202);
    await tell({ state: 'Paused', reason: 'IOError', message: 'the disk is full' });
    await poll(async () => condition('Paused')).toBe('PausedIOError: the disk is full');
  });

  test('whose device is away can be told nothing, which is said at once with a way out', async () => {
    await run();
    hub.say('edge-1', 'gone', { epoch: EPOCH, connection: 1 });
    await poll(async () => (await put('virtualmachineinstances/pos/pause')).code).toBe(503);
    expect((await put('virtualmachineinstances/pos/pause')).body.message).toMatch(
      /it last said Running at \S+; a change of its spec is applied once the device is back; 'holdfast vm pause default\/pos' on the box needs no link$/,
    );
    expect(requests()).toEqual([]);
  });

  test('that is not there is not found', async () => {
    expect((await put('virtualmachineinstances/pos/pause')).code).toBe(404);
    expect((await hub.call('GET', `${SUB}/virtualmachineinstances/pos/guestosinfo`)).code).toBe(404);
  });
});

describe('a guest', () => {
  const OS = { id: 'debian', prettyName: 'Debian 12' };
  const GUEST = {
    agentVersion: '7.2.0',
    commands: [{ name: 'guest-ping', enabled: true }],
    os: OS,
    hostname: 'pos.shop',
    timezone: 'CET, 3600',
    users: [{ userName: 'ada', loginTime: 12.5 }],
    fileSystems: [
      { diskName: 'vda1', mountPoint: '/', fileSystemType: 'ext4', usedBytes: 1, totalBytes: 2, disk: [] },
    ],
    frozen: false,
    load: { load1m: 0.5, load5m: 0.25, load15m: 0.125 },
  };

  test.each([
    ['guestosinfo', { guestAgentVersion: '7.2.0', os: OS, hostname: 'pos.shop', userList: GUEST.users }],
    ['userlist', { kind: 'VirtualMachineInstanceGuestOSUserList', items: GUEST.users }],
    ['filesystemlist', { kind: 'VirtualMachineInstanceFileSystemList', items: GUEST.fileSystems }],
  ])('answers %s', async (name, body) => {
    await run();
    const called = hub.call('GET', `${SUB}/virtualmachineinstances/pos/${name}`);
    expect(await answer(GUEST)).toEqual({ verb: 'read-guest', machine: uid });
    expect(await called).toMatchObject({ code: 200, body });
  });

  test('without an agent is not asked', async () => {
    await run('Always', { process: { ...PROCESS, guestAgent: false } });
    const { code, body } = await hub.call('GET', `${SUB}/virtualmachineinstances/pos/userlist`);
    expect([code, body.message]).toEqual([
      409,
      expect.stringMatching(/does not have guest agent connected$/),
    ]);
  });

  test('shows what it is in the status of its instance', async () => {
    const guest = { agentVersion: '7.2.0', commands: 40, os: OS, hostname: 'pos.shop' };
    await run('Always', { guest });
    await poll(async () => (await hub.call('GET', `${VMIS}/pos`)).body.status).toMatchObject({
      guestOSInfo: OS,
    });
    expect(await condition('AgentConnected')).toBe(
      'AgentConnected: the guest agent answers: version 7.2.0; 40 commands; pos.shop',
    );
  });
});

test('a machine whose runs end too soon shows how many did, and when the next is tried', async () => {
  await run();
  await tell({ state: 'BackOff', backOff: { failures: 4, retryAt: '2026-03-01T08:02:40Z' } });
  await poll(async () => (await hub.call('GET', `${VM}/pos`)).body.status).toMatchObject({
    printableStatus: 'CrashLoopBackOff',
    startFailure: { consecutiveFailCount: 4, retryAfterTimestamp: '2026-03-01T08:02:40Z' },
  });
});

test.each([
  ['WaitingForDataVolume', 'Provisioning'],
  ['ClaimNotFound', 'ErrorPvcNotFound'],
  ['ClaimUnusable', 'WaitingForVolumeBinding'],
  ['ImageRefused', 'DataVolumeError'],
])('a machine that waits for a disk (%s) is %s, and says why', async (reason, printable) => {
  await apply({ runStrategy: 'Always' });
  await tell({ state: 'Provisioning', reason, message: 'not there yet' });
  await poll(async () => (await hub.call('GET', `${VM}/pos`)).body.status).toMatchObject({
    printableStatus: printable,
  });
  expect(await condition('Ready')).toBe(`${reason}: not there yet`);
});

test('a machine that is not ready by its probe is not, though its guest runs', async () => {
  await run('Always', { reason: 'NotReady', message: 'no answer', ready: false });
  await poll(async () => condition('Ready')).toBe('NotReady: no answer');
  const { body } = await hub.call('GET', `${VM}/pos`);
  expect(body.status).toMatchObject({ printableStatus: 'Running', ready: false });
});

describe('the instance of a machine whose description was changed', () => {
  const domain = async (path: string) => {
    type Spec = { domain: Record<string, unknown>; template?: { spec: Spec } };
    const { spec } = (await hub.call<{ spec: Spec }>('GET', path)).body;
    const { devices: _, ...found } = (spec.template?.spec ?? spec).domain;
    return found;
  };
  const before = { memory: { guest: '128Mi' } };
  const firmware = { serial: 'POS-1' };
  const change = async (to: object) =>
    hub.call('PATCH', `${VM}/pos`, { spec: { template: { spec: { domain: to } } } });
  const instance = `${VMIS}/pos`;

  test('shows what runs: not what its device has not heard of, nor what waits for a restart', async () => {
    await run();
    const wanted = { cpu: { sockets: 2 }, memory: { guest: '256Mi' }, firmware };
    await change(wanted);
    expect(await domain(`${VM}/pos`)).toEqual(wanted);
    await tell({ process: PROCESS, reason: 'Ready' });
    expect(await domain(instance)).toEqual(before);

    const restartRequired =
      'changes take effect at the next start: spec.template.spec.domain.firmware.serial';
    const unmade = { live: [['domain', 'cpu', 'sockets']], atRestart: [['domain', 'firmware', 'serial']] };
    await tell({ process: PROCESS, reason: 'Running', generation: 2, restartRequired, unmade });
    await poll(() => domain(instance)).toEqual({ memory: { guest: '256Mi' } });
    expect(await condition('RestartRequired')).toBe(`RestartRequired: ${restartRequired}`);
    expect(await condition('HotVCPUChange')).toMatch(/^CPUsChanging: /);

    await tell({
      process: PROCESS,
      reason: 'Grown',
      generation: 2,
      restartRequired,
      unmade: { ...unmade, live: [] },
    });
    await poll(() => domain(instance)).toEqual({ cpu: { sockets: 2 }, memory: { guest: '256Mi' } });
    expect(await condition('HotVCPUChange')).toBeUndefined();
    await tell({ process: PROCESS, reason: 'Running', generation: 2 });
    await poll(() => domain(instance)).toEqual(wanted);
  });

  test('says that memory changes until the guest has it', async () => {
    await run();
    await change({ memory: { guest: '256Mi' } });
    const unmade = { live: [['domain', 'memory', 'guest']], atRestart: [] };
    await tell({ process: PROCESS, reason: 'Asked', generation: 2, unmade });
    await poll(() => condition('HotMemoryChange')).toMatch(/is about to be asked/);
    const memory = { bootBytes: 2 ** 27, currentBytes: 2 ** 27, requestedBytes: 2 ** 28 };
    await tell({ process: { ...PROCESS, memory }, reason: 'Growing', generation: 2 });
    await poll(() => condition('HotMemoryChange')).toMatch(
      /has 128Mi of memory, and was asked to have 256Mi/,
    );
    await tell({ process: { ...PROCESS, memory: { ...memory, currentBytes: 2 ** 28 } }, generation: 2 });
    await poll(() => condition('HotMemoryChange')).toBeUndefined();
  });
});
