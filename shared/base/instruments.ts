import type { Metric, Sample } from './exposition.ts';

/** Metrics that are counted up as things happen. Label values must come from a bounded set. */

type Labels = Sample['labels'];

export interface Counter {
  add(labels: Labels, by?: number): void;
  read(): Metric;
}

export interface Histogram {
  observe(labels: Labels, value: number): void;
  read(): Metric;
}

export function createCounter(name: string, help: string): Counter {
  const samples = new Map<string, { labels: Labels; value: number }>();
  return {
    add(labels, by = 1) {
      const id = JSON.stringify(labels);
      const sample = samples.get(id);
      if (sample === undefined) samples.set(id, { labels, value: by });
      else sample.value += by;
    },
    read: () => ({ name, type: 'counter', help, samples: [...samples.values()] }),
  };
}

/** @param bounds the buckets' upper bounds, ascending; one without an end is added */
export function createHistogram(name: string, help: string, bounds: readonly number[]): Histogram {
  const rows = new Map<string, { labels: Labels; counts: number[]; sum: number; count: number }>();
  return {
    observe(labels, value) {
      const id = JSON.stringify(labels);
      const row = rows.get(id) ?? { labels, counts: bounds.map(() => 0), sum: 0, count: 0 };
      rows.set(id, row);
      row.sum += value;
      row.count += 1;
      const index = bounds.findIndex((bound) => value <= bound);
      if (index >= 0) row.counts[index] = (row.counts[index] ?? 0) + 1;
    },
    read: () => ({ name, type: 'histogram', help, samples: [...rows.values()].flatMap(samplesOf) }),
  };

  function samplesOf({
    labels,
    counts,
    sum,
    count,
  }: {
    labels: Labels;
    counts: number[];
    sum: number;
    count: number;
  }): Sample[] {
    let below = 0;
    const buckets = counts.map((inside, index): Sample => {
      below += inside;
      return { suffix: '_bucket', labels: { ...labels, le: String(bounds[index]) }, value: below };
    });
    return [
      ...buckets,
      { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count },
      { suffix: '_sum', labels, value: sum },
      { suffix: '_count', labels, value: count },
    ];
  }
}
