import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../tools/wait-for.ts';
import type { BenchWorld, OpenWorlds } from './bench-world.ts';
import { DEVICE, withBenchWorld } from './bench-world.ts';
import type { Figure } from './figure.ts';
import { formatMs, formatRange, median } from './figure.ts';

const REPETITIONS = 4;
const LIMIT_MS = 120_000;
const POLL_MS = 20;
/** A forwarded port takes connections before the guest does, and keeps them waiting: they are given up soon. */
const PROBE_DEADLINE_MS = 500;

/** From `kubectl apply` to the guest's first HTTP answer: all of the way, most of it the guest's own boot. */
export function createFirstAnswerFigure(open: OpenWorlds): Figure {
  return {
    name: 'first-answer',
    prose: 'from kubectl apply to an answer of the guest',
    measure: async (report) =>
      withBenchWorld(open, async (bench) => {
        bench.startAgent();
        await bench.untilQuiet();
        const timesMs: number[] = [];
        for (let repetition = 1; repetition <= REPETITIONS; repetition += 1) {
          const answeredMs = await answerOnce(bench, `answering-${repetition}`);
          timesMs.push(answeredMs);
          report.progress(`first answer ${repetition} of ${REPETITIONS}: ${formatMs(answeredMs)}`);
        }
        const [first = NaN, ...others] = timesMs;
        const figure = "kubectl apply to the guest's HTTP answer";
        const spread = formatRange(others, formatMs);
        report.row(
          figure,
          formatMs(median(others)),
          `median of ${others.length}, ${spread}; image cached, TCG`,
        );
        report.row(`${figure}, first time`, formatMs(first), 'once; the image is downloaded on the way');
      }),
  };
}

async function answerOnce(bench: BenchWorld, name: string): Promise<number> {
  const { world, find, untilQuiet, kubectl } = bench;
  const startedAtMs = performance.now();
  await bench.createMachine(name);
  while (performance.now() - startedAtMs < LIMIT_MS) {
    const [port] = (await find(name))?.ports ?? [];
    if (port !== undefined && (await answers(`http://${port.host}/`))) {
      const answeredMs = performance.now() - startedAtMs;
      await kubectl(['delete', 'vm', name]);
      await waitFor('the removal', () => world.qemus(DEVICE).length === 0);
      await untilQuiet();
      return answeredMs;
    }
    await sleep(POLL_MS);
  }
  const { state, message } = (await find(name)) ?? {};
  throw new Error(`the guest ${name} did not answer within ${LIMIT_MS / 1000} s; ${state}: ${message}`);
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_DEADLINE_MS) });
    await response.json();
    return true;
  } catch {
    return false;
  }
}
