import type { Metric } from '../../../shared/base/exposition.ts';
import { createCounter, createHistogram } from '../../../shared/base/instruments.ts';
import { groupKindOf } from '../../../shared/model/kind.ts';
import type { ApiContext } from '../context.ts';
import type { RequestAttributes } from './request-attributes.ts';

/** What the API counts of itself, under the names of Kubernetes' API server, so that its dashboards serve. */
export interface ApiFigures {
  /** A request that was answered. */
  served(request: RequestAttributes, code: number, seconds: number): void;
  /** A watch that has begun; the result has to be called when it is over. */
  watching(request: RequestAttributes): () => void;
  /** An event that went out to a watcher. */
  told(request: RequestAttributes, bytes: number): void;
  /** A request that was turned away because of too many. */
  rejected(): void;
  read(inFlight: { readonly executing: number; readonly waiting: number }): Metric[];
}

/** Upper bounds in seconds: a subset of those of Kubernetes. */
const DURATION_BOUNDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10, 20, 30, 60];

export function createApiFigures(): ApiFigures {
  const requests = createCounter(
    'apiserver_request_total',
    'Requests answered, by what was asked for and the HTTP status code.',
  );
  const durations = createHistogram(
    'apiserver_request_duration_seconds',
    'Time from a request to its answer, watches aside.',
    DURATION_BOUNDS,
  );
  const events = createCounter('apiserver_watch_events_total', 'Events sent to watchers.');
  const bytes = createCounter('apiserver_watch_events_sent_bytes_total', 'Bytes of events sent to watchers.');
  const rejections = createCounter(
    'apiserver_flowcontrol_rejected_requests_total',
    'Requests turned away because their sender had too many.',
  );
  const watches = new Map<string, { readonly labels: Metric['samples'][number]['labels']; count: number }>();

  return {
    served(request, code, seconds) {
      requests.add({ ...request, code: String(code) });
      if (request.verb !== 'WATCH') durations.observe({ ...request }, seconds);
    },
    watching(request) {
      const id = JSON.stringify(request);
      const row = watches.get(id) ?? { labels: { ...request }, count: 0 };
      watches.set(id, row);
      row.count += 1;
      return () => {
        row.count -= 1;
      };
    },
    told({ group, version, resource }, size) {
      events.add({ group, version, resource });
      bytes.add({ group, version, resource }, size);
    },
    rejected: () => rejections.add({}),
    read: ({ executing, waiting }) => [
      requests.read(),
      durations.read(),
      {
        name: 'apiserver_longrunning_requests',
        type: 'gauge',
        help: 'Watches that are open.',
        samples: [...watches.values()].map(({ labels, count }) => ({ labels, value: count })),
      },
      events.read(),
      bytes.read(),
      {
        name: 'apiserver_current_inflight_requests',
        type: 'gauge',
        help: 'Requests that are being answered.',
        samples: [{ labels: {}, value: executing }],
      },
      {
        name: 'apiserver_flowcontrol_current_inqueue_requests',
        type: 'gauge',
        help: 'Requests that wait for their turn.',
        samples: [{ labels: {}, value: waiting }],
      },
      rejections.read(),
    ],
  };
}

/** What there is in the store, by kind, and the newest resource version. */
export function readStoreFigures({ kinds, store }: Pick<ApiContext, 'kinds' | 'store'>): Promise<Metric[]> {
  return store.read(async ({ objects }) => {
    const samples: Metric['samples'][number][] = [];
    for (const kind of kinds.filter(({ view, verbs }) => view === undefined && verbs === undefined)) {
      const { group, plural } = kind;
      samples.push({ labels: { group, resource: plural }, value: await objects.count(groupKindOf(kind)) });
    }
    const newest = [{ labels: {}, value: await objects.resourceVersion() }];
    return [
      { name: 'apiserver_resource_objects', type: 'gauge', help: 'Objects that are stored.', samples },
      {
        name: 'holdfast_store_resource_version',
        type: 'gauge',
        help: 'The newest resource version given out: how many changes there ever were.',
        samples: newest,
      },
    ];
  });
}
