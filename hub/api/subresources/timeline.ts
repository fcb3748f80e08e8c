import { deviceKind } from '../../../shared/model/device.ts';
import { apiVersionOf, groupKindOf } from '../../../shared/model/kind.ts';
import { dnsLabel, dnsSubdomain } from '../../../shared/model/schema.ts';
import { formatTime } from '../../../shared/base/time.ts';
import type { StoredTimelineEntry, Tables, TimelineRange } from '../../ports.ts';
import { jsonReply } from '../answer.ts';
import { badRequest, notFound } from '../errors.ts';
import { parseCount, parseMoment, refuseOthers } from '../query.ts';
import type { Subresource } from './subresource.ts';

const DEFAULT_LIMIT = 500;
const HIGHEST_LIMIT = 5_000;
const FOREVER_MS = Number.MAX_SAFE_INTEGER;
/** A device's own time is told where it differs by more than messages take. */
const CLOCK_TOLERANCE_MS = 30_000;

/** One thing in a device's history, as the API gives it: times in UTC. */
export interface TimelineItem {
  readonly happenedAt: string;
  /** When the hub learned of it, which is later where the link was down. */
  readonly learnedAt: string;
  /** When it happened by the device's clock, where that was wrong. */
  readonly deviceTime?: string;
  readonly kind: StoredTimelineEntry['kind'];
  readonly type: StoredTimelineEntry['type'];
  readonly reason: string;
  readonly message: string;
  readonly machine?: { readonly namespace: string; readonly name: string; readonly uid: string };
}

export interface DeviceTimeline {
  readonly apiVersion: string;
  readonly kind: 'DeviceTimeline';
  readonly metadata: { readonly name: string };
  /** Whether there is more before the first item. */
  readonly truncated: boolean;
  /** In the order in which things happened. */
  readonly items: readonly TimelineItem[];
}

/** What was desired of a device, what it reported, and what became of its link: the newest that fit a range. */
export const timeline: Subresource = {
  group: deviceKind.group,
  versions: deviceKind.versions,
  kind: deviceKind,
  name: 'timeline',
  verb: 'get',
  responseKind: 'DeviceTimeline',
  async serve({ store, clock }, { name }, { query }) {
    const range = parseRange(name, query, clock.now());
    const found = await store.transaction(async (tables) => {
      const entries = await tables.timeline.list({ ...range, limit: range.limit + 1 });
      return entries.length > 0 || (await isKnown(tables, name)) ? entries : undefined;
    });
    if (found === undefined) throw notFound(deviceKind, name);
    const body: DeviceTimeline = {
      apiVersion: apiVersionOf(deviceKind),
      kind: 'DeviceTimeline',
      metadata: { name },
      truncated: found.length > range.limit,
      items: found.slice(-range.limit).map(describeEntry),
    };
    return jsonReply(body);
  },
};

/** The history of a device that was deleted can be read for as long as it is kept. */
async function isKnown({ objects, timeline: history }: Tables, device: string): Promise<boolean> {
  const key = { kind: groupKindOf(deviceKind), namespace: '', name: device };
  if ((await objects.get(key)) !== undefined) return true;
  return (await history.list({ device, fromMs: 0, untilMs: FOREVER_MS, limit: 1 })).length > 0;
}

function parseRange(device: string, query: URLSearchParams, nowMs: number): TimelineRange {
  refuseOthers(query, ['since', 'until', 'limit', 'machine']);
  const fromMs = parseMoment(query, 'since', nowMs) ?? 0;
  const untilMs = parseMoment(query, 'until', nowMs) ?? FOREVER_MS;
  if (fromMs > untilMs) throw badRequest('the query parameter since must not be later than until');
  const limit = parseCount(query, 'limit') ?? DEFAULT_LIMIT;
  if (limit < 1 || limit > HIGHEST_LIMIT) {
    throw badRequest(`the query parameter limit must be from 1 to ${HIGHEST_LIMIT}, not ${limit}`);
  }
  const machine = parseMachine(query.get('machine') ?? '');
  return { device, fromMs, untilMs, limit, ...(machine !== undefined && { machine }) };
}

function parseMachine(text: string): TimelineRange['machine'] {
  if (text === '') return undefined;
  const [namespace, name, ...beyond] = text.split('/');
  const isOne = dnsLabel.safeParse(namespace).success && dnsSubdomain.safeParse(name).success;
  if (namespace !== undefined && name !== undefined && isOne && beyond.length === 0)
    return { namespace, name };
  throw badRequest(`the query parameter machine must be NAMESPACE/NAME, not "${text}"`);
}

function describeEntry(entry: StoredTimelineEntry): TimelineItem {
  const { happenedAtMs, learnedAtMs, deviceTimeMs, kind, type, reason, message, machine } = entry;
  const isOff = deviceTimeMs !== undefined && Math.abs(deviceTimeMs - happenedAtMs) > CLOCK_TOLERANCE_MS;
  return {
    happenedAt: formatTime(happenedAtMs),
    learnedAt: formatTime(learnedAtMs),
    ...(isOff && { deviceTime: formatTime(deviceTimeMs) }),
    kind,
    type,
    reason,
    message,
    ...(machine !== undefined && {
      machine: { namespace: machine.namespace, name: machine.name, uid: machine.uid },
    }),
  };
}
