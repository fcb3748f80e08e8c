import { beforeEach, describe, expect, test } from 'vitest';
import { EMPTY_MEMORY } from '../../agent/plan/memory.ts';
import type { Happening, StatusBody, Store } from '../../agent/ports.ts';
import type { EventBody, Report } from '../../shared/protocol/messages.ts';

/** A store, and the same one as the agent finds it when it is started again. */
export interface AgentStoreWorld {
  readonly store: Store;
  readonly reopen: () => Store;
}

export const EVERYTHING = 2 ** 30;
export const HAPPENING: Happening = {
  atMs: Date.parse('2026-03-01T08:00:00.250Z'),
  monotonicMs: 1_234,
  bootId: 'boot-1',
};

export function event(message: string): EventBody {
  return { kind: 'event', type: 'Normal', reason: 'Tested', message };
}

export function status(generation: number): StatusBody {
  return { kind: 'desired', generation, problems: [] };
}

/** A report in a word: `3 hello` for the event "hello" with the number 3, `4 g7` for generation 7. */
function inWord({ sequence, body }: Report): string {
  const report = body as { kind: string; message?: string; generation?: number };
  return `${sequence} ${report.kind === 'event' ? report.message : `g${report.generation}`}`;
}

/** What the agent relies on of its store. Call within a `describe`. */
export function testAgentStore(open: () => AgentStoreWorld): void {
  let store: Store;
  let reopen: () => void;
  beforeEach(() => {
    const world = open();
    store = world.store;
    reopen = () => {
      store = world.reopen();
    };
  });

  const append = (...messages: string[]) => {
    for (const message of messages) store.appendEvent(event(message), HAPPENING);
  };
  const put = (subject: string, generation: number) =>
    store.putStatus(subject, status(generation), HAPPENING);
  const send = (after = 0, maxBytes = EVERYTHING) => store.reportsAfter(after, maxBytes).map(inWord);

  test('its epoch is made once and kept', () => {
    const epoch = store.epoch();
    expect(epoch).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    reopen();
    expect(store.epoch()).toBe(epoch);
    expect(open().store.epoch()).not.toBe(epoch);
  });

  test('the numbers of connections rise by one, through every restart', () => {
    expect([store.nextConnection(), store.nextConnection()]).toEqual([1, 2]);
    reopen();
    expect(store.nextConnection()).toBe(3);
  });

  test('what was noted of the link is there after a restart, and nothing before it was', () => {
    expect(store.link()).toBeUndefined();
    store.saveLink({ up: true, sinceMs: 5 });
    reopen();
    expect(store.link()).toEqual({ up: true, sinceMs: 5 });
    store.saveLink({ up: false, sinceMs: 7 });
    expect(store.link()).toEqual({ up: false, sinceMs: 7 });
  });

  test('the newest desired document takes the place of the one before', () => {
    expect(store.desired()).toBeUndefined();
    store.saveDesired(1, 'one', '{}');
    store.saveDesired(4, 'four', '{}');
    reopen();
    expect(store.desired()).toEqual({ generation: 4, hash: 'four' });
  });

  test('machines are kept by uid with what is remembered of them', () => {
    const desired = { name: 'pos', nested: [{ a: 1 }] };
    store.putMachine({ uid: 'b', desired: 'unreadable', memory: EMPTY_MEMORY });
    store.putMachine({ uid: 'a', desired, memory: EMPTY_MEMORY });
    store.putMachine({ uid: 'a', desired, memory: { failures: 2, run: { number: 3 } } });
    reopen();
    expect(store.machines()).toEqual([
      { uid: 'a', desired, memory: { failures: 2, run: { number: 3 } } },
      { uid: 'b', desired: 'unreadable', memory: EMPTY_MEMORY },
    ]);
    store.deleteMachine('a');
    store.deleteMachine('never-there');
    expect(store.machines().map(({ uid }) => uid)).toEqual(['b']);
  });

  describe('reports', () => {
    test('come back as they were put, with when they happened', () => {
      append('a');
      expect(store.reportsAfter(0, EVERYTHING)).toEqual([
        {
          sequence: 1,
          happenedAt: '2026-03-01T08:00:00.250Z',
          monotonicMs: 1_234,
          bootId: 'boot-1',
          body: event('a'),
        },
      ]);
    });

    test('are numbered without a gap, in the order in which things happened', () => {
      append('a');
      put('x', 1);
      append('b', 'c');
      expect(send()).toEqual(['1 a', '2 g1', '3 b', '4 c']);
      append('d');
      expect(send()).toEqual(['1 a', '2 g1', '3 b', '4 c', '5 d']);
      expect(send(3)).toEqual(['4 c', '5 d']);
      expect(send(5)).toEqual([]);
    });

    test('have their numbers from when they were first sent, and keep them through a restart', () => {
      append('a');
      put('x', 1);
      expect(send(0, 1)).toEqual(['1 a']);
      put('x', 2);
      reopen();
      append('b');
      expect(send()).toEqual(['1 a', '2 g2', '3 b']);
      reopen();
      expect(send()).toEqual(['1 a', '2 g2', '3 b']);
    });

    test('of one subject displace each other until they are sent, those of others and events stay', () => {
      put('x', 1);
      put('y', 2);
      append('same', 'same');
      put('x', 3);
      put('x', 4);
      expect(store.pendingReports()).toBe(4);
      expect(send()).toEqual(['1 g2', '2 same', '3 same', '4 g4']);
      put('x', 5);
      put('x', 6);
      expect(send()).toEqual(['1 g2', '2 same', '3 same', '4 g4', '5 g6']);
    });

    test('are deleted when they are acknowledged, and not before', () => {
      append('a', 'b', 'c');
      expect(send()).toHaveLength(3);
      expect([store.acknowledged(), store.pendingReports()]).toEqual([0, 3]);
      store.acknowledge(2);
      expect([store.acknowledged(), store.pendingReports()]).toEqual([2, 1]);
      store.acknowledge(1);
      expect([store.acknowledged(), store.pendingReports()]).toEqual([2, 1]);
      reopen();
      expect([store.acknowledged(), store.pendingReports()]).toEqual([2, 1]);
      expect(send(2)).toEqual(['3 c']);
    });

    test('that were never sent are not acknowledged by any number', () => {
      append('a', 'b');
      store.acknowledge(100);
      expect(store.pendingReports()).toBe(2);
    });

    test('go on with numbers that were never used, also when all others are gone', () => {
      append('a', 'b');
      send();
      store.acknowledge(2);
      reopen();
      append('c');
      expect(send(2)).toEqual(['3 c']);
    });

    test('are not taken off by a number that was never given out', () => {
      append('a');
      send();
      store.acknowledge(50);
      append('b');
      reopen();
      expect([store.acknowledged(), store.nextSequence()]).toEqual([0, 2]);
      expect(send()).toEqual(['1 a', '2 b']);
    });

    test('of a new epoch are numbered anew from 1, and those that had numbers displace none', () => {
      append('a', 'b');
      put('x', 1);
      send();
      store.acknowledge(1);
      put('x', 2);
      const epoch = store.epoch();
      store.renewEpoch();
      expect(store.epoch()).not.toBe(epoch);
      expect([store.acknowledged(), store.nextSequence()]).toEqual([0, 1]);
      reopen();
      expect(send()).toEqual(['1 b', '2 g1', '3 g2']);
    });

    test('count up whatever is deleted, displaced and added in between', () => {
      const told: string[] = [];
      for (let round = 0; round < 40; round += 1) {
        append(`e${round}`);
        put('x', round);
        if (round % 3 === 0) put('y', 1_000 + round);
        if (round % 4 === 0) told.push(...send(told.length, 700));
        if (round % 5 === 0) store.acknowledge(Math.max(0, told.length - (round % 2)));
        if (round % 7 === 0) reopen();
      }
      told.push(...send(told.length));
      expect(told.map((one) => Number(one.split(' ')[0]))).toEqual(told.map((_, index) => index + 1));
      expect(told.filter((one) => one.includes(' e'))).toHaveLength(40);
      expect(told.at(-3)).toMatch(/ e39$/);
      store.acknowledge(told.length);
      expect(store.pendingReports()).toBe(0);
    });

    test('come in batches of a size, of one at least, and the next batch goes on behind', () => {
      append('a'.repeat(2_000), 'b'.repeat(2_000), 'c'.repeat(2_000));
      const sizes = (after: number, maxBytes: number) =>
        store.reportsAfter(after, maxBytes).map(({ sequence }) => sequence);
      expect(sizes(0, 5_000)).toEqual([1, 2]);
      expect(sizes(2, 5_000)).toEqual([3]);
      expect(sizes(0, 5_000)).toEqual([1, 2]);
      expect(sizes(0, 10)).toEqual([1]);
      append('d');
      expect(sizes(2, 2_500)).toEqual([3]);
    });

    test('fit into the size that was asked for as JSON, whatever letters they are of', () => {
      for (let index = 0; index < 100; index += 1) append('ä€𝄞"\\\n'.repeat(20));
      const batch = store.reportsAfter(0, 10_000);
      expect(batch.length).toBeGreaterThan(5);
      expect(Buffer.byteLength(JSON.stringify(batch))).toBeLessThanOrEqual(10_000);
    });
  });

  describe('a transaction', () => {
    test('that throws leaves nothing behind', () => {
      append('before');
      const failing = () =>
        store.transaction(() => {
          store.saveDesired(9, 'nine', '{}');
          store.putMachine({ uid: 'a', desired: {}, memory: EMPTY_MEMORY });
          append('within');
          send();
          store.nextConnection();
          throw new Error('no');
        });
      expect(failing).toThrow('no');
      expect([store.desired(), store.machines()]).toEqual([undefined, []]);
      expect(store.nextConnection()).toBe(1);
      append('after');
      expect(send()).toEqual(['1 before', '2 after']);
    });

    test('gives what its work gives', () => {
      expect(store.transaction(() => store.nextConnection())).toBe(1);
    });
  });
}
