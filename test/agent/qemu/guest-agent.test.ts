import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createGuestAgent } from '../../../agent/qemu/guest-agent.ts';
import { readDetails, runInGuest } from '../../../agent/qemu/guest-commands.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createFakeSocket } from './fake-socket.ts';

type Answer = (client: Socket, execute: string, args: Record<string, unknown>) => void;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const say = (client: Socket, value: unknown) => client.write(`${JSON.stringify(value)}\n`);

/** The agent of run 1, over a guest that is brought in step as it should be and then answers with `answer`. */
async function createGuest(answer: Answer, leftOver = '') {
  const asked: string[] = [];
  const fake = await createFakeSocket(
    (client) => client.write(leftOver),
    (client, line) => {
      const request = JSON.parse(line.toString('latin1').replaceAll('ÿ', ''));
      if (request.execute === 'guest-sync-delimited') {
        client.write(Buffer.from([0xff]));
        say(client, { return: request.arguments.id });
        return;
      }
      asked.push(request.execute);
      answer(client, request.execute, request.arguments);
    },
  );
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-guest-'));
  mkdirSync(join(folder, 'sockets'));
  symlinkSync(fake.path, join(folder, 'sockets/guest-agent-1.sock'));
  closing.push(async () => {
    await fake.close();
    rmSync(folder, { recursive: true });
  });
  return { agent: createGuestAgent(folder, createClock()), asked };
}

test('what was left over from before is not taken for an answer', async () => {
  const { agent } = await createGuest((client) => say(client, { return: 'new' }), '{"return":"old"}\nhal');
  expect(await agent.use(1, async (turn) => turn.execute('guest-ping'))).toBe('new');
});

test('those who ask at once have their turns, and one that fails takes nothing from the next', async () => {
  const { agent, asked } = await createGuest((client, execute) =>
    say(
      client,
      execute === 'bad' ? { error: { class: 'CommandNotFound', desc: 'no bad here' } } : { return: {} },
    ),
  );
  const ask = async (command: string) => agent.use(1, async (turn) => turn.execute(command));
  const outcomes = await Promise.allSettled(['first', 'bad', 'last'].map(ask));
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(outcomes[1]).toMatchObject({
    reason: { code: 'GuestAgentRefused', message: expect.stringContaining('no bad here') as string },
  });
  expect(asked).toEqual(['first', 'bad', 'last']);
});

test('a guest that never answers does not gather askers without end', async () => {
  const { agent } = await createGuest(() => {});
  const ask = async () => agent.use(1, async (turn) => turn.execute('guest-ping', {}, 10));
  const outcomes = await Promise.allSettled(Array.from({ length: 17 }, ask));
  const messages = outcomes.map((one) => (one.status === 'rejected' ? String(one.reason) : ''));
  expect(messages.filter((message) => message.includes('did not answer'))).toHaveLength(16);
  expect(messages.at(-1)).toContain('too much is asked of the guest agent at once');
});

test.each([
  ['nonsense', 'nonsense\n'],
  ['no object', '42\n'],
  ['a line without an end', 'x'.repeat(1_100_000)],
])('a guest that says %s harms nothing', async (_name, said) => {
  const { agent } = await createGuest((client) => client.write(said));
  await expect(agent.use(1, async (turn) => turn.execute('guest-ping'))).rejects.toMatchObject({
    code: 'GuestAgentFailed',
  });
});

test('a guest that says nothing is given up, and so is one that is not there', async () => {
  const { agent } = await createGuest(() => {});
  const failed = { code: 'GuestAgentFailed' };
  await expect(agent.use(1, async (turn) => turn.execute('guest-ping', {}, 100))).rejects.toMatchObject(
    failed,
  );
  await expect(agent.use(2, async (turn) => turn.execute('guest-ping'))).rejects.toMatchObject(failed);
});

test('what an older agent has no command for is left out of what the guest is', async () => {
  const { agent } = await createGuest((client, execute) => {
    if (execute === 'guest-info') {
      const commands = [{ name: 'guest-ping', enabled: true, 'success-response': true }];
      say(client, { return: { version: '7.2.0', supported_commands: commands } });
    } else if (execute === 'guest-get-osinfo')
      say(client, { return: { id: 'debian', 'kernel-release': '6.1' } });
    else say(client, { error: { class: 'CommandNotFound' } });
  });
  expect(await agent.use(1, readDetails)).toEqual({
    agentVersion: '7.2.0',
    commands: [{ name: 'guest-ping', enabled: true }],
    os: { id: 'debian', kernelRelease: '6.1' },
  });
});

test('a command in the guest is waited for, and others have their turn meanwhile', async () => {
  let polls = 0;
  const { agent, asked } = await createGuest((client, execute) => {
    if (execute === 'guest-exec') say(client, { return: { pid: 7 } });
    else if (execute === 'guest-exec-status') {
      polls += 1;
      say(client, { return: polls < 3 ? { exited: false } : { exited: true, exitcode: 5 } });
    } else say(client, { return: {} });
  });
  const code = runInGuest(agent, 1, ['/bin/check', '-q'], 10_000, createClock());
  await agent.use(1, async (turn) => turn.execute('guest-ping'));
  expect(await code).toBe(5);
  expect(asked.indexOf('guest-ping')).toBeLessThan(asked.lastIndexOf('guest-exec-status'));
});

test('a command that does not end in the guest is given up at its deadline', async () => {
  const { agent } = await createGuest((client, execute) =>
    say(client, { return: execute === 'guest-exec' ? { pid: 7 } : { exited: false } }),
  );
  await expect(runInGuest(agent, 1, ['/bin/sleep'], 120, createClock())).rejects.toMatchObject({
    code: 'GuestAgentFailed',
    message: '/bin/sleep did not end in the guest within 0.12 s',
  });
});
