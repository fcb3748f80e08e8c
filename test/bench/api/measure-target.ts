import { formatMebibytes, formatMs } from '../figure.ts';
import type { Report } from '../figure.ts';
import { quantile } from '../fleet/quantile.ts';
import type { Target } from './target.ts';

/** What is measured of any API server, on ConfigMaps of 2 KB, which each has. */

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const FILLER = 'x'.repeat(1_900);
const FAN_OUT_CHANGES = 20;
const WARM_UP = 5_000;

export interface TargetOptions {
  readonly connections: number;
  readonly requests: number;
  readonly watchers: number;
  /** Resident memory of the server, where it can be read. */
  readonly memoryBytes?: () => number;
}

export async function measureTarget(target: Target, options: TargetOptions, report: Report): Promise<void> {
  const { requests, connections } = options;
  const name = (index: number) => `bench-${String(index).padStart(6, '0')}`;
  const run = async (figure: string, count: number, work: (index: number) => Promise<void>) => {
    report.progress(`${target.name}: ${figure}`);
    const { perSecond, latenciesMs } = await load(count, connections, work);
    const note = `p50 ${formatMs(quantile(latenciesMs, 0.5))}, p99 ${formatMs(quantile(latenciesMs, 0.99))}; ${count} requests over ${connections} connections`;
    report.row(`${target.name}: ${figure}`, `${Math.round(perSecond)}/s`, note);
  };
  const create = async (id: string) =>
    expectCode(await target.call('POST', CONFIG_MAPS, compileConfigMap(id, '0')), 201);
  // A server's first thousands of writes say how it starts, and those after them how it goes on.
  await run('the first creates', WARM_UP, (index) => create(`warm-up-${index}`));
  await run('creates', requests, (index) => create(name(index)));
  await run('gets', requests, async (index) => {
    expectCode(await target.call('GET', `${CONFIG_MAPS}/${name(index)}`), 200);
  });
  await run('updates', requests, async (index) => {
    expectCode(await target.call('PATCH', `${CONFIG_MAPS}/${name(index)}`, '{"data":{"count":"1"}}'), 200);
  });
  await measureFanOut(target, `${CONFIG_MAPS}/${name(0)}`, options, report);
  await target.call('DELETE', `${CONFIG_MAPS}?labelSelector=holdfast-bench`);
}

/** Reads a collection in pages; the result is how many objects it had. */
export async function readPages(target: Target, path: string, limit: number): Promise<number> {
  let count = 0;
  for (let token = ''; ;) {
    const { code, text } = await target.call('GET', `${path}?limit=${limit}&continue=${token}`);
    expectCode({ code, text }, 200);
    const page = JSON.parse(text) as { items: unknown[]; metadata: { continue?: string } };
    count += page.items.length;
    token = page.metadata.continue ?? '';
    if (token === '') return count;
  }
}

async function measureFanOut(
  target: Target,
  path: string,
  { watchers, memoryBytes }: TargetOptions,
  report: Report,
): Promise<void> {
  report.progress(`${target.name}: ${watchers} watchers`);
  const before = memoryBytes?.();
  let heard = 0;
  let lastMs = 0;
  const query = 'watch=true&resourceVersion=0&fieldSelector=metadata.name%3Dbench-000000';
  const opening: Promise<() => void>[] = [];
  const line = () => {
    heard += 1;
    lastMs = performance.now();
  };
  for (let index = 0; index < watchers; index += 1) {
    opening.push(target.watch(`${CONFIG_MAPS}?${query}`, line));
    if (opening.length % 50 === 0) await Promise.all(opening);
  }
  const closing = await Promise.all(opening);
  await until(() => heard === watchers);
  const after = memoryBytes?.();
  const durations: number[] = [];
  for (let change = 0; change < FAN_OUT_CHANGES; change += 1) {
    heard = 0;
    const startedMs = performance.now();
    expectCode(await target.call('PATCH', path, JSON.stringify({ data: { count: `f${change}` } })), 200);
    await until(() => heard === watchers);
    durations.push(lastMs - startedMs);
  }
  for (const close of closing) close();
  const value = formatMs(quantile(durations, 0.5));
  report.row(
    `${target.name}: a change to ${watchers} watchers`,
    value,
    `until the last of them has it, median of ${FAN_OUT_CHANGES}; at most ${formatMs(quantile(durations, 1))}`,
  );
  if (before === undefined || after === undefined) return;
  const each = `${((after - before) / watchers / 1024).toFixed(1)} KiB`;
  report.row(
    `${target.name}: memory of a watcher`,
    each,
    `from ${formatMebibytes(before)} to ${formatMebibytes(after)}`,
  );
}

/** Calls `work` for 0 up to `count`, so many at a time. */
async function load(count: number, atOnce: number, work: (index: number) => Promise<void>) {
  const latenciesMs: number[] = [];
  let next = 0;
  const startedMs = performance.now();
  const lane = async () => {
    for (let index = next++; index < count; index = next++) {
      const sentMs = performance.now();
      await work(index);
      latenciesMs.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return { perSecond: (count * 1000) / (performance.now() - startedMs), latenciesMs };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}

function compileConfigMap(name: string, count: string): string {
  const metadata = { name, labels: { 'holdfast-bench': 'true' } };
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { count, filler: FILLER } });
}

function expectCode({ code, text }: { readonly code: number; readonly text: string }, wanted: number): void {
  if (code !== wanted) throw new Error(`answered ${code}: ${text.slice(0, 300)}`);
}
