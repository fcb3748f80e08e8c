import { Duplex, PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EffectError } from '../../../shared/base/errors.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { joinStreams } from '../../../shared/tunnel/join-streams.ts';
import { HOLDFAST, runHoldfast } from '../../tools/holdfast.ts';
import type { Session } from '../../tools/session.ts';
import { openSession, openTerminal } from '../../tools/session.ts';
import type { StreamWorld } from '../api/stream-device.ts';
import { poll, startStreamWorld } from '../api/stream-device.ts';

/** The commands that hold a stream, as real processes, and how each ends; a device that the test plays has the rest. */

const LEAVE = '\x1d';

let world: StreamWorld;
/** The machine's ends of the streams that were opened. */
let machine: Duplex[];
const sessions: Session[] = [];

beforeEach(async () => {
  world = await startStreamWorld();
  machine = [];
  await world.run('Running');
  world.serve(async (_id, { target, dial }) => {
    const wire = await world.wayOut.dial(dial);
    const end = target.kind === 'log' ? oneWay() : new PassThrough();
    end.on('error', () => {});
    machine.push(end);
    joinStreams(wire, end, createClock());
  });
});
afterEach(async () => {
  for (const session of sessions.splice(0)) session.end();
  await world.stop();
});

const server = () => ['--server', `http://${world.hub.address}`];

/** A log says what the test pushes, and hears nothing. */
function oneWay(): Duplex {
  return new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
}

/** A command in a terminal, whose state is told before and after it, with its exit code. */
function inTerminal(...words: string[]): Session {
  const command = [HOLDFAST, ...words, ...server()].join(' ');
  const session = openTerminal(`echo was=$(stty -g); ${command}; echo code=$?; echo is=$(stty -g)`);
  sessions.push(session);
  return session;
}

/** @throws Error where the terminal is not as it was */
async function leaving(session: Session): Promise<{ code: string; said: string }> {
  await session.ended;
  const [, was, said = '', code = '', is] =
    /was=(\S+)\r\n([^]*)code=(\d+)\r\nis=(\S+)\r\n/.exec(session.heard()) ?? [];
  expect(is).toBe(was);
  return { code, said };
}

describe('holdfast console', () => {
  const join = async () => {
    const session = inTerminal('console', 'pos');
    await session.hears(/Connected to pos; leave with Ctrl-\]/);
    // Each key as it is struck, Ctrl-C as well, which here is the guest's.
    session.say('ctrl-\x03-c');
    await session.hears(/ctrl-.-c/);
    return session;
  };

  test('is left by Ctrl-], and the terminal is as it was', async () => {
    const session = await join();
    session.say(LEAVE);
    expect((await leaving(session)).code).toBe('0');
    await poll(() => machine[0]?.destroyed).toBe(true);
  });

  test('ends with the machine', async () => {
    const session = await join();
    machine[0]?.destroy();
    const { code, said } = await leaving(session);
    expect([code, said]).toEqual(['0', expect.stringContaining('The console of pos has ended')]);
  });

  test.each([
    ['another who takes it', 'ConsoleTaken', 'the console was opened elsewhere'],
    ['the end of the box', 'StreamBroken', 'the agent of the box is stopping; its machines go on'],
  ])('is ended by %s', async (_, errorCode, sentence) => {
    const session = await join();
    machine[0]?.destroy(new EffectError(errorCode, 'pos', sentence));
    const { code, said } = await leaving(session);
    expect([code, said]).toEqual(['1', expect.stringContaining(`holdfast: ${sentence}`)]);
  });

  test('is ended by the end of the hub', async () => {
    const session = await join();
    await world.hub.stop();
    const { code, said } = await leaving(session);
    expect([code, said]).toEqual(['1', expect.stringContaining('holdfast: the hub is stopping')]);
  });
});

describe('holdfast logs -f', () => {
  const follow = async () => {
    const session = inTerminal('logs', '-f', 'pos');
    await poll(() => machine.length).toBe(1);
    machine[0]?.push('booting\n');
    await session.hears(/booting/);
    return session;
  };

  test('is left by Ctrl-C, and no longer asked of the box', async () => {
    const session = await follow();
    session.say('\x03');
    await session.ended;
    await poll(() => machine[0]?.destroyed).toBe(true);
  });

  test.each(['the box', 'the hub'])('ends with a sentence where %s is lost', async (what) => {
    const session = await follow();
    if (what === 'the hub') await world.hub.stop();
    else machine[0]?.destroy(new EffectError('StreamBroken', 'pos', 'gone'));
    const { code, said } = await leaving(session);
    expect([code, said]).toEqual([
      '1',
      expect.stringContaining('holdfast: the answer broke off: the hub, the box or the way to them was lost'),
    ]);
  });

  test('ends without a word with the log, and with whoever reads it', async () => {
    const session = await follow();
    machine[0]?.push(null);
    expect(await leaving(session)).toEqual({ code: '0', said: 'booting\r\n' });

    const command = [HOLDFAST, 'logs', '-f', 'pos', ...server()].join(' ');
    const line = `exec 3>&1; { ${command}; echo code=$? >&3; } | head -n 1`;
    const piped = openSession('bash', ['-c', line]);
    sessions.push(piped);
    await poll(() => machine.length).toBe(2);
    machine[1]?.push('one\n');
    await piped.hears(/one/);
    machine[1]?.push('two\n');
    await piped.hears(/code=0/);
  });
});

describe('holdfast port-forward', () => {
  test('--stdio ends where the box is lost, though whoever speaks into it goes on', async () => {
    const session = openSession('bash', [
      '-c',
      [HOLDFAST, 'port-forward', '--stdio', 'pos', '22', ...server(), '2>&1'].join(' '),
    ]);
    sessions.push(session);
    session.say('who is there?');
    await session.hears(/who is there/);
    machine[0]?.destroy(new EffectError('StreamBroken', 'pos', 'the box is gone'));
    expect(await session.ended).toBe(1);
    expect(session.heard()).toContain('holdfast: the box is gone');
  });

  test.each([
    ['pos', '53/udp', 'PORTS must be'],
    ['pos', 'udp/53', 'PORTS must be'],
    ['pos', '8080:0', 'from 1 to 65535'],
    ['pos', '70000:80', 'from 1 to 65535'],
    ['a/b/c', '80', 'a machine is named NAME or NAMESPACE/NAME'],
  ])('%s %s: %s', async (name, ports, sentence) => {
    const { code, stderr } = await runHoldfast(['port-forward', name, ports, ...server()]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(sentence)]);
  });
});
