import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MachineState } from '../../../shared/model/machine.ts';
import type { RequestMessage } from '../../../shared/protocol/messages.ts';
import { decodeMessage, requestMessage } from '../../../shared/protocol/messages.ts';
import type { TestHub } from '../start-hub.ts';
import { DEVICES, EPOCH, hello, report, startHub, statusOf } from '../start-hub.ts';
import { machine } from './start-api.ts';

/** What is asked of devices through the API: the whole hub, with a clock that tests move. */

const VM = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines';
const SUB = '/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachines';
const KEY = '6f1d6a1e-8a44-4c39-9f5e-0a8f6d3c2b1a';

let hub: TestHub;
beforeEach(async () => {
  hub = await startHub();
});
afterEach(() => hub.stop());

/** Polls with the hub's own clock moving on a little, as it would. */
const poll = (look: () => unknown) => expect.poll(look, { interval: 5, timeout: 10_000 });

function requests(): RequestMessage[] {
  return hub.sent
    .filter(({ channel }) => channel === 'request')
    .map(({ payload }) => {
      const message = decodeMessage(requestMessage, payload);
      if (!message.ok) throw new Error('a request that no device can read');
      return message.value;
    });
}

async function takeRequest(count = 1): Promise<RequestMessage> {
  await poll(() => requests().length).toBeGreaterThanOrEqual(count);
  const found = requests()[count - 1];
  if (found === undefined) throw new Error('no request');
  return found;
}

async function connect(): Promise<void> {
  hub.say('edge-1', 'hello', hello());
  await poll(async () => (await hub.call('GET', `${DEVICES}/edge-1`)).code).toBe(200);
}

async function disconnect(): Promise<void> {
  hub.say('edge-1', 'gone', { epoch: EPOCH, connection: 1 });
  await poll(async () => {
    const { body } = await hub.call('GET', `${DEVICES}/edge-1`);
    return body.status?.conditions?.find(({ type }) => type === 'Connected')?.status;
  }).toBe('False');
}

/** A machine on a connected device. */
async function run(name = 'pos', sequence = 1, state: MachineState = 'Running'): Promise<string> {
  if (sequence === 1) await connect();
  const given = machine(name);
  const { template } = given.spec as { template: { spec: object } };
  const nodeSelector = { 'kubernetes.io/hostname': 'edge-1' };
  const spec = { runStrategy: 'Always', template: { spec: { ...template.spec, nodeSelector } } };
  const { body } = await hub.call('POST', VM, { ...given, spec });
  const uid = body.metadata.uid ?? '';
  await poll(async () => (await hub.store.transaction(({ machines }) => machines.get(uid)))?.device).toBe(
    'edge-1',
  );
  hub.say('edge-1', 'report', report(sequence, { kind: 'machine', status: statusOf(uid, name, state) }));
  await poll(async () => (await hub.call('GET', `${VM}/${name}`)).body.status?.printableStatus).toBe(state);
  return uid;
}

function answer(id: string, outcome: 'done' | 'failed', reason = 'Done', message = 'done'): void {
  hub.say('edge-1', 'response', { id, outcome, reason, message });
}

async function history(query = ''): Promise<string[]> {
  const { body } = await hub.call('GET', `${DEVICES}/edge-1/timeline?${query}`);
  return body.items.map(({ reason, message }) => `${reason}: ${message}`);
}

describe('ping', () => {
  test('says how long the way there and back took', async () => {
    await connect();
    const called = hub.call('GET', `${DEVICES}/edge-1/ping`);
    const { id, body } = await takeRequest();
    expect(body).toEqual({ verb: 'ping' });
    hub.clock.advance(120);
    answer(id, 'done');
    expect(await called).toMatchObject({
      code: 200,
      body: { kind: 'DevicePing', metadata: { name: 'edge-1' }, roundTripMilliseconds: 120 },
    });
  });

  test('of a device that is not there, or not connected, is answered at once', async () => {
    expect(await hub.call('GET', `${DEVICES}/edge-9/ping`)).toMatchObject({
      code: 404,
      body: { message: 'devices.holdfast.dev "edge-9" not found' },
    });
    await connect();
    await disconnect();
    expect(await hub.call('GET', `${DEVICES}/edge-1/ping`)).toMatchObject({
      code: 503,
      body: {
        reason: 'ServiceUnavailable',
        message: `devices.holdfast.dev "edge-1" can't be asked: it is not connected since 2026-03-01T08:00:00.000Z`,
      },
    });
    expect(requests()).toEqual([]);
  });

  test('that is not answered ends at its deadline', async () => {
    await connect();
    const called = hub.call('GET', `${DEVICES}/edge-1/ping`);
    await takeRequest();
    hub.clock.advance(10_000);
    expect(await called).toMatchObject({ code: 504, body: { reason: 'Timeout' } });
  });
});

describe('restart', () => {
  test('is asked of the device by the uid, and is told when that has taken it up; its history says so', async () => {
    const uid = await run();
    const called = hub.call('PUT', `${SUB}/pos/restart`, {});
    const { id, body } = await takeRequest();
    expect(body).toMatchObject({ verb: 'restart', machine: uid });
    answer(id, 'done');
    expect(await called).toMatchObject({ code: 202, body: { kind: 'Status', status: 'Success' } });
    expect(await history('machine=default/pos')).toEqual([
      'Running: it is Running',
      'RestartRequested: a restart was asked for through the API',
      'RestartAccepted: device edge-1 has taken the restart up',
    ]);
  });

  test('with an idempotency key is one request however often it is asked for, and another of another machine', async () => {
    await run();
    await run('till', 2);
    const header = { 'idempotency-key': KEY };
    const ask = (name: string) => hub.call('PUT', `${SUB}/${name}/restart`, undefined, header);
    const both = [ask('pos'), ask('pos')];
    const { id } = await takeRequest();
    await poll(async () =>
      (await history()).filter((one) => one.startsWith('RestartRequested')),
    ).toHaveLength(2);
    answer(id, 'done');
    expect((await Promise.all(both)).map(({ code }) => code)).toEqual([202, 202]);
    expect(requests()).toHaveLength(1);

    const again = ask('pos');
    expect((await takeRequest(2)).id).toBe(id);
    answer(id, 'done');
    expect((await again).code).toBe(202);

    const other = ask('till');
    const { id: otherId } = await takeRequest(3);
    expect(otherId).not.toBe(id);
    answer(otherId, 'done');
    await other;
  });

  test('of a machine on a device that is not connected says what is known and what to do, at once', async () => {
    await run();
    await disconnect();
    const { code, body } = await hub.call('PUT', `${SUB}/pos/restart`);
    expect([code, body.reason]).toEqual([503, 'ServiceUnavailable']);
    expect(body.message).toBe(
      `devices.holdfast.dev "edge-1" can't be asked: it is not connected since 2026-03-01T08:00:00.000Z; of pos ` +
        `it last said Running at 2026-03-01T08:00:00.000Z; a change of its spec is applied once the device is back; 'holdfast vm restart default/pos' on the box needs no link`,
    );
    expect(requests()).toEqual([]);
    expect((await history()).at(-1)).toMatch(/^RestartFailed: devices.holdfast.dev "edge-1" can't be asked/);
  });

  test('that the device does not answer ends at its deadline', async () => {
    await run();
    const called = hub.call('PUT', `${SUB}/pos/restart`);
    await takeRequest();
    hub.clock.advance(30_000);
    expect(await called).toMatchObject({
      code: 504,
      body: {
        reason: 'Timeout',
        message: expect.stringMatching(/did not answer within 30 s; what was asked may still/) as string,
      },
    });
  });

  test.each([
    ['HeldOnBox', 409, 'Conflict'],
    ['NotRunning', 409, 'Conflict'],
    ['DeadlineExceeded', 504, 'Timeout'],
  ])('that the device answers with %s is %i', async (reason, code, word) => {
    await run();
    const called = hub.call('PUT', `${SUB}/pos/restart`);
    answer((await takeRequest()).id, 'failed', reason, 'this is why');
    const { body, ...rest } = await called;
    expect([rest.code, body.reason]).toEqual([code, word]);
    expect(body.message).toContain('this is why');
  });

  test('of a machine that does not run is refused in terms of the machine', async () => {
    await run('pos', 1, 'Stopped');
    const { code, body } = await hub.call('PUT', `${SUB}/pos/restart`);
    const why = 'virtualmachines.kubevirt.io "pos": VM is not running: start it instead';
    expect([code, body.message]).toEqual([409, expect.stringContaining(why)]);
    expect(requests()).toEqual([]);
  });

  test('that is only to be tried asks for nothing', async () => {
    await run();
    expect((await hub.call('PUT', `${SUB}/pos/restart`, { dryRun: ['All'] })).code).toBe(202);
    expect((await hub.call('PUT', `${SUB}/pos/restart?dryRun=All`)).code).toBe(202);
    expect(requests()).toEqual([]);
  });

  test.each([
    ['PUT', 'nowhere/restart', {}, {}, 404, 'virtualmachines.kubevirt.io "nowhere" not found'],
    ['PUT', 'waiting/restart', {}, {}, 409, '"waiting": Halted does not support manual restart requests'],
    ['PUT', 'waiting/migrate', {}, {}, 400, 'a machine stays on its device, where its disks are'],
    ['PUT', 'waiting/memorydump', { claimName: 'a' }, {}, 400, "a guest's memory is not dumped here"],
    ['PUT', 'waiting/restart', { gracePeriodSeconds: 5 }, {}, 400, 'gracePeriodSeconds: must be 0'],
    ['PUT', 'nowhere/start', {}, {}, 404, 'virtualmachines.kubevirt.io "nowhere" not found'],
    ['PUT', 'waiting/stop', { gracePeriod: -1 }, {}, 400, 'gracePeriod'],
    ['PUT', 'waiting/restart', {}, { 'idempotency-key': '7' }, 400, 'the header Idempotency-Key must be'],
    ['POST', 'waiting/restart', {}, {}, 405, 'does not allow this method'],
    ['PUT', 'waiting/explode', {}, {}, 404, 'could not find the requested resource'],
  ])('%s %s %j %j is %i', async (method, path, body, headers, code, why) => {
    const { spec, ...rest } = machine('waiting');
    await hub.call('POST', VM, { ...rest, spec });
    const refused = await hub.call(method, `${SUB}/${path}`, body, headers);
    expect([refused.code, refused.body.message]).toEqual([code, expect.stringContaining(why)]);
  });
});

describe('the timeline of a device', () => {
  /** Events of a device that has been away, told by one message now. */
  async function tell(minutes: readonly number[]): Promise<void> {
    await connect();
    const reports = minutes.map((minute, index) => ({
      sequence: index + 1,
      happenedAt: new Date(Date.parse('2026-03-01T08:00:00Z') - minute * 60_000).toISOString(),
      monotonicMs: -minute * 60_000,
      bootId: 'boot',
      body: { kind: 'event', type: 'Normal', reason: 'Tested', message: `${minute} minutes ago` },
    }));
    const { sent } = hello();
    hub.say('edge-1', 'report', { epoch: EPOCH, connection: 1, sent, reports });
    await poll(async () => (await history()).length).toBeGreaterThan(minutes.length);
  }

  test('has what happened in its order, when the hub learned it, and what became of the link', async () => {
    await tell([600, 60, 5]);
    const { body } = await hub.call('GET', `${DEVICES}/edge-1/timeline?since=11h`);
    expect(body).toMatchObject({
      apiVersion: 'holdfast.dev/v1alpha1',
      kind: 'DeviceTimeline',
      metadata: { name: 'edge-1' },
      truncated: false,
    });
    expect(body.items.slice(0, 3)).toEqual(
      ['2026-02-28T22', '2026-03-01T07:00', '2026-03-01T07:55'].map((start) => ({
        happenedAt: expect.stringMatching(start) as string,
        learnedAt: '2026-03-01T08:00:00.000Z',
        kind: 'event',
        type: 'Normal',
        reason: 'Tested',
        message: expect.stringMatching(/minutes ago/) as string,
      })),
    );
    expect(body.items.slice(3).map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['Connected', 'Desired']),
    );
  });

  test('is cut to a range, and to the newest where a limit is given, and says when it was', async () => {
    await tell([600, 60, 5]);
    const tested = async (query: string) =>
      (await history(query))
        .filter((one) => one.startsWith('Tested'))
        .map((one) => parseInt(one.slice(8), 10));
    expect(await tested('since=2h&until=30m')).toEqual([60]);
    expect(await tested('until=2026-03-01T07:00:00Z')).toEqual([600, 60]);
    expect(await tested('until=2026-03-01T07:00:00%2B01:00')).toEqual([600]);
    const { body } = await hub.call<{ truncated: boolean; items: object[] }>(
      'GET',
      `${DEVICES}/edge-1/timeline?limit=1&until=1m`,
    );
    expect(body).toMatchObject({ truncated: true, items: [{ message: '5 minutes ago' }] });
  });

  test.each([
    ['since=yesterday', 'since must be a time such as'],
    ['until=2026-03-01', 'until must be a time such as'],
    ['since=1h&until=2h', 'since must not be later than until'],
    ['limit=0', 'limit must be from 1 to 5000'],
    ['limit=many', 'limit must be a whole number'],
    ['machine=pos', 'machine must be NAMESPACE/NAME, not "pos"'],
    ['machine=a/B', 'machine must be NAMESPACE/NAME'],
    ['form=short', 'form is not known; known here: since, until, limit, machine'],
  ])('is refused with ?%s, which is named', async (query, why) => {
    await connect();
    const { code, body } = await hub.call('GET', `${DEVICES}/edge-1/timeline?${query}`);
    expect([code, body.message]).toEqual([400, expect.stringContaining(`the query parameter ${why}`)]);
  });

  test('can be read when the device was deleted, and not of one that never was', async () => {
    await tell([5]);
    await disconnect();
    expect((await hub.call('DELETE', `${DEVICES}/edge-1`)).code).toBe(200);
    await poll(async () => (await hub.call('GET', `${DEVICES}/edge-1`)).code).toBe(404);
    expect(await history()).toContain('Tested: 5 minutes ago');
    expect((await hub.call('GET', `${DEVICES}/edge-9/timeline`)).code).toBe(404);
  });
});
