import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Happening, StatusBody, Store } from '../../agent/ports.ts';
import type { DeviceMetrics } from '../../shared/model/device.ts';
import type { EventBody, ReportBody } from '../../shared/protocol/messages.ts';
import { LARGEST_PAYLOAD_BYTES } from '../../shared/protocol/messages.ts';
import { parseBody } from '../../shared/protocol/report-body.ts';
import type { AgentStoreWorld } from './agent-store.ts';
import { EVERYTHING, HAPPENING, event, status } from './agent-store.ts';

const METRICS: DeviceMetrics = { memoryAvailableBytes: 1, diskAvailableBytes: 2, loadAverage: 3 };

/** What becomes of reports that there is no room for: in the store, or in a message. Call within a `describe`. */
export function testOutboxBounds(open: () => AgentStoreWorld): void {
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

  describe('an outbox that has no room', () => {
    const MOST = 100_000;
    const later = (byMs: number): Happening => ({ ...HAPPENING, atMs: HAPPENING.atMs + byMs });
    const measure = (byMs: number) => store.appendMetrics(METRICS, later(byMs));
    /** Fills it up with statuses, which are never dropped. */
    const fill = () =>
      store.transaction(() => {
        for (let index = store.pendingReports(); index < MOST; index += 1) put(`subject-${index}`, index);
      });

    /** All that is left to send, as the hub gets it: without gaps. */
    function drain(): ReportBody[] {
      const bodies: ReportBody[] = [];
      for (;;) {
        const after = store.acknowledged();
        const reports = store.reportsAfter(after, EVERYTHING);
        const last = reports.at(-1);
        if (last === undefined) return bodies;
        expect(reports.map(({ sequence }) => sequence)).toEqual(reports.map((_, index) => after + 1 + index));
        bodies.push(...reports.map(({ body }) => body as ReportBody));
        store.acknowledge(last.sequence);
      }
    }
    const eventsOf = (bodies: ReportBody[]) =>
      bodies.flatMap((body) => (body.kind === 'event' ? [`${body.reason} ${body.message}`] : []));

    test('drops figures before events, the oldest first, and no status', () => {
      append('oldest');
      measure(1_000);
      measure(2_000);
      append('older');
      fill();
      append('newer', 'newest', 'last');
      expect(store.pendingReports()).toBe(MOST);
      const left = drain();
      expect(left.filter(({ kind }) => kind === 'metrics')).toEqual([]);
      expect(left.filter(({ kind }) => kind === 'desired')).toHaveLength(MOST - 4);
      expect(eventsOf(left)).toEqual([
        'Tested older',
        'Tested newer',
        'Tested newest',
        'Tested last',
        expect.stringMatching(
          /^EventsDropped 1 events of 2026-03-01T08:00:00.250Z to 2026-03-01T08:00:00.250Z /,
        ),
        expect.stringMatching(
          /^MetricsDropped 2 figures .* 2026-03-01T08:00:01.250Z to 2026-03-01T08:00:02.250Z /,
        ),
      ]);
    });

    test('says so once, though nothing more happens, and through restarts', () => {
      store.appendEvent(event('first'), later(60_000));
      store.appendEvent(event('second'), later(90_000));
      fill();
      append('newer');
      const undone = () =>
        store.transaction(() => {
          append('undone', 'undone too');
          throw new Error('no');
        });
      expect(undone).toThrow('no');
      append('newest');
      reopen();
      append('last');
      const left = eventsOf(drain());
      expect(left).toEqual([
        'Tested newest',
        'Tested last',
        expect.stringMatching(/^EventsDropped 3 events of 2026-03-01T08:01:00.250Z to /),
      ]);
      reopen();
      append('after');
      expect(eventsOf(drain())).toEqual(['Tested after']);
    });

    test('drops nothing that has a number', () => {
      append('a', 'b', 'c');
      expect(store.reportsAfter(0, EVERYTHING)).toHaveLength(3);
      append('d');
      fill();
      append('e', 'f');
      expect(eventsOf(drain())).toEqual([
        'Tested a',
        'Tested b',
        'Tested c',
        'Tested f',
        expect.stringMatching(/^EventsDropped 2 events /),
      ]);
    });

    test('and nothing that may be dropped takes no event more, and says so', () => {
      fill();
      append('too much');
      expect(store.pendingReports()).toBe(MOST);
      put('subject-0', 7);
      expect(store.pendingReports()).toBe(MOST);
      expect(eventsOf(drain())).toEqual([expect.stringMatching(/^EventsDropped 1 events /)]);
    });
  });

  test('figures of the box wait for a week and no longer', () => {
    for (let index = 0; index < 30; index += 1) {
      store.appendMetrics(METRICS, { ...HAPPENING, atMs: HAPPENING.atMs + index * 6 * 3_600_000 });
    }
    expect(store.pendingReports()).toBe(28);
    const sent = store.reportsAfter(0, EVERYTHING);
    expect(sent[0]?.happenedAt).toBe('2026-03-01T20:00:00.250Z');
    expect(sent.at(-1)?.body).toMatchObject({ reason: 'MetricsDropped', type: 'Normal' });
    for (let index = 0; index < 28; index += 1) store.appendMetrics(METRICS, HAPPENING);
    expect(store.reportsAfter(0, EVERYTHING).slice(0, 29)).toEqual(sent);
  });

  describe('a report that is too large for a message', () => {
    /** A description with user-data that can't be made shorter. */
    const held = (bytes: number): StatusBody => ({
      kind: 'held',
      generation: 1,
      entry: { uid: 'a', userData: randomBytes(bytes).toString('base64') },
    });
    const sizes = () => store.reportsAfter(0, 1).map((report) => Buffer.byteLength(JSON.stringify(report)));

    test('gives its place to an event that says what and how large, and holds nothing up', () => {
      append('before');
      store.putStatus('held/a', held(200_000), HAPPENING);
      append('after');
      const [before, instead, after] = store.reportsAfter(0, EVERYTHING);
      expect([before?.sequence, instead?.sequence, after?.sequence]).toEqual([1, 2, 3]);
      expect(instead?.body).toMatchObject({ kind: 'event', type: 'Warning', reason: 'ReportTooLarge' });
      const message = (instead?.body as EventBody | undefined)?.message;
      expect(message).toMatch(/^the report of held\/a can't be sent: it takes \d{6} bytes/);
    });

    test('is one that does not fit as it is sent: packed, where that is shorter', () => {
      const body: StatusBody = { kind: 'desired', generation: 1, problems: ['a problem '.repeat(50_000)] };
      store.putStatus('desired', body, HAPPENING);
      const [packed] = store.reportsAfter(0, 1);
      expect(packed?.body).toMatchObject({ kind: 'packed' });
      expect(parseBody(packed?.body)).toEqual({ ok: true, value: body });
      expect(sizes()[0]).toBeLessThan(10_000);
    });

    test('is replaced by a newer one that does fit', () => {
      store.putStatus('held/a', held(200_000), HAPPENING);
      store.putStatus('held/a', held(10), HAPPENING);
      expect(store.reportsAfter(0, EVERYTHING).map(({ body }) => (body as ReportBody).kind)).toEqual([
        'held',
      ]);
    });

    test('of whatever size and kind fits into a message with its envelope', () => {
      for (let bytes = 20_000; bytes < 60_000; bytes += 1_500) {
        store.putStatus(`held/${bytes}`, held(bytes), HAPPENING);
      }
      append('ä€𝄞"\\\n'.repeat(9_000));
      const kinds = new Set<string>();
      for (;;) {
        const reports = store.reportsAfter(store.acknowledged(), LARGEST_PAYLOAD_BYTES - 1024);
        const last = reports.at(-1);
        if (last === undefined) break;
        expect(Buffer.byteLength(JSON.stringify(reports))).toBeLessThan(LARGEST_PAYLOAD_BYTES - 512);
        for (const { body } of reports) kinds.add((body as ReportBody).kind);
        store.acknowledge(last.sequence);
      }
      expect([...kinds].sort()).toEqual(['event', 'held', 'packed']);
    });
  });
}
