import type { Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Qmp } from '../../../agent/qemu/qmp.ts';
import { connectQmp } from '../../../agent/qemu/qmp.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createFakeSocket } from './fake-socket.ts';

type Answer = (id: number, send: (message: unknown) => void, client: Socket) => void;

let fake: Awaited<ReturnType<typeof createFakeSocket>>;
let qmp: Qmp | undefined;
afterEach(async () => {
  qmp?.close();
  await fake.close();
});

/** A monitor that answers by `answers`, and everything else with an empty result. */
async function connect(answers: Record<string, Answer> = {}, greeting = true) {
  const events: string[] = [];
  let losses = 0;
  const sender = (client: Socket) => (message: unknown) => client.write(`${JSON.stringify(message)}\r\n`);
  fake = await createFakeSocket(
    (client) => greeting && sender(client)({ QMP: { version: {}, capabilities: ['oob'] } }),
    (client, line) => {
      const { execute, id } = JSON.parse(line.toString());
      const answer = answers[execute] ?? (() => sender(client)({ return: {}, id }));
      answer(id, sender(client), client);
    },
  );
  const options = { path: fake.path, clock: createClock(), deadlineMs: 200 };
  qmp = await connectQmp({ ...options, onEvent: (name) => events.push(name), onLost: () => (losses += 1) });
  return { qmp, events, losses: () => losses };
}

test('replies find their commands, in whatever order they come', async () => {
  const ids: number[] = [];
  const { qmp: monitor } = await connect({
    first: (id) => ids.push(id),
    second: (id, send) => {
      send({ return: 'of second', id });
      send({ return: 'of first', id: ids[0] });
    },
  });
  expect(await Promise.all([monitor.execute('first'), monitor.execute('second')])).toEqual([
    'of first',
    'of second',
  ]);
});

test('a reply may be long and come in pieces', async () => {
  const long = 'x'.repeat(300_000);
  const { qmp: monitor } = await connect({ long: (id, send) => send({ return: long, id }) });
  expect(await monitor.execute('long')).toBe(long);
});

test('what is refused is told in QEMU its own words', async () => {
  const { qmp: monitor } = await connect({
    cont: (id, send) => send({ error: { class: 'GenericError', desc: 'no space' }, id }),
  });
  await expect(monitor.execute('cont')).rejects.toMatchObject({
    code: 'QmpRefused',
    message: 'QEMU refused cont: no space',
  });
});

test('a command that is not answered fails by its deadline, and its late reply harms nothing', async () => {
  const { qmp: monitor } = await connect({
    slow: (id, send) => setTimeout(() => send({ return: 1, id }), 150),
  });
  await expect(monitor.execute('slow', 20)).rejects.toMatchObject({ code: 'QmpTimeout' });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await monitor.execute('next')).toEqual({});
});

test('events are passed on, and nonsense passed over', async () => {
  const { qmp: monitor, events } = await connect({
    poke: (id, send, client) => {
      client.write('no JSON\n{"neither":"nor"}\n[]\n');
      send({ event: 'SHUTDOWN', data: { guest: true }, timestamp: {} });
      send({ event: 'OF_A_NEWER_QEMU' });
      send({ return: {}, id: 999 });
      send({ return: {}, id });
    },
  });
  await monitor.execute('poke');
  expect(events).toEqual(['SHUTDOWN', 'OF_A_NEWER_QEMU']);
});

test('all that waits fails when QEMU hangs up', async () => {
  const { qmp: monitor, losses } = await connect({
    quit: (_id, _send, client) => client.destroy(),
    other: () => {},
  });
  const [other, quit] = await Promise.allSettled([monitor.execute('other'), monitor.execute('quit')]);
  for (const result of [other, quit]) expect(result).toMatchObject({ reason: { code: 'QmpClosed' } });
  expect(losses()).toBe(1);
  await expect(monitor.execute('more')).rejects.toMatchObject({ code: 'QmpClosed' });
});

test('closing is not a loss', async () => {
  const { qmp: monitor, losses } = await connect();
  monitor.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(losses()).toBe(0);
});

test('without a greeting there is no connection', async () => {
  await expect(connect({}, false)).rejects.toMatchObject({ code: 'QmpTimeout' });
});

test('a line without an end does not fill the memory', async () => {
  const { qmp: monitor, losses } = await connect({
    flood: (_id, _send, client) => client.write('x'.repeat(17 * 2 ** 20)),
  });
  await expect(monitor.execute('flood', 5_000)).rejects.toMatchObject({ code: 'QmpClosed' });
  expect(losses()).toBe(1);
});
