import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { availableParallelism, cpus } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { formatTable } from '../../../shared/base/table.ts';
import { createWorld } from '../../e2e/world.ts';
import { waitFor } from '../../tools/wait-for.ts';
import type { OpenWorlds } from '../bench-world.ts';
import type { Report, Row } from '../figure.ts';
import { formatMebibytes, formatMs } from '../figure.ts';
import { readResidentMemory } from '../resident-memory.ts';
import { fillStore } from './fill-store.ts';
import { measureTarget, readPages } from './measure-target.ts';
import { openTarget } from './target.ts';

const INSTANCES = '/apis/kubevirt.io/v1/virtualmachineinstances';
const CONNECTIONS = 16;
const PAGE = 500;

interface Options {
  readonly machines: number;
  readonly requests: number;
  readonly watchers: number;
}

interface Host {
  readonly open: OpenWorlds;
  readonly progress: (line: string) => void;
}

/** `bench api`: a real hub with many machines in its store, asked over HTTP; and a real Kubernetes beside it. */
export function createApiCommand({ open, progress }: Host): Command {
  return new Command('api')
    .description(
      'measure the API over a store of many machines; TEST_KUBECONFIG names a Kubernetes to compare with',
    )
    .option('--machines <N>', 'how many machines are stored', parseNumber, 50_000)
    .option('--requests <N>', 'how many requests of each kind are sent', parseNumber, 10_000)
    .option('--watchers <N>', 'how many watches are open at once', parseNumber, 1_000)
    .action(async (options: Options) => {
      const rows: Row[] = [];
      const row: Report['row'] = (figure, value, note) => void rows.push({ figure, value, note });
      await measureHub(options, open, { row, progress });
      const other = process.env['TEST_KUBECONFIG'] ?? '';
      if (other !== '') {
        const target = await openTarget('kubernetes', other, CONNECTIONS);
        await measureTarget(target, { ...options, connections: CONNECTIONS }, { row, progress });
        target.close();
      }
      const lines = rows.map(({ figure, value, note }) => [figure, value, note]);
      const machine = `${availableParallelism()} CPUs (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}`;
      process.stdout.write(`${machine}\n\n${formatTable([['FIGURE', 'VALUE', 'NOTE'], ...lines])}\n`);
    });
}

async function measureHub(options: Options, open: OpenWorlds, report: Report): Promise<void> {
  const row: Report['row'] = (figure, value, note) => report.row(figure, value, note);
  const progress = (line: string) => report.progress(line);
  const { machines } = options;
  const world = await createWorld();
  open.add(world);
  try {
    mkdirSync(join(world.folder, 'hub'));
    progress(`storing ${machines} machines`);
    await fillStore(join(world.folder, 'hub/hub.db'), machines, Date.now());
    const startedMs = performance.now();
    await world.startHub();
    row(
      `start with ${machines} machines`,
      formatMs(performance.now() - startedMs),
      'from its call to its first answer',
    );
    const target = await openTarget('hub', world.kubeconfig, CONNECTIONS);
    progress('waiting until the hub has looked at every machine');
    let version = '';
    await waitFor(
      'a hub at rest',
      async () => {
        const before = version;
        const { text } = await target.call('GET', '/api/v1/namespaces?limit=1');
        version = (JSON.parse(text) as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
        await new Promise((resolve) => setTimeout(resolve, 2_000));
        return version === before;
      },
      600_000,
    );
    row(
      'until it has looked at each',
      formatMs(performance.now() - startedMs),
      'with 2 to 4 s of seeing that it is at rest',
    );
    const pid = world.service('hub')?.pid ?? 0;
    const memoryBytes = () => readResidentMemory(pid).totalBytes;
    row('memory', formatMebibytes(memoryBytes()), 'at rest after the start');

    const time = async (figure: string, note: string, work: () => Promise<unknown>) => {
      progress(figure);
      const beganMs = performance.now();
      await work();
      row(figure, formatMs(performance.now() - beganMs), note);
    };
    await time(`list of ${machines} in pages`, `of ${PAGE}, read and parsed`, () =>
      readPages(target, INSTANCES, PAGE),
    );
    await time(`list of ${machines} at once`, 'one answer', () => target.call('GET', INSTANCES));
    await time(`list by a label of ${machines}`, 'half of them', () =>
      target.call('GET', `${INSTANCES}?labelSelector=tier%3Dpos`),
    );
    const kubectlGet = async (...options: string[]) => {
      const { code, stderr } = await world.tryKubectl(['get', 'vmi', ...options]);
      if (code !== 0) throw new Error(stderr);
    };
    await time(
      `kubectl get vmi of ${machines}`,
      'its pages of 500, of which it asks for 5 a second, whoever answers',
      () => kubectlGet(),
    );
    await time(`kubectl get vmi --chunk-size=0 of ${machines}`, 'one answer', () =>
      kubectlGet('--chunk-size=0'),
    );
    row('memory', formatMebibytes(memoryBytes()), 'after these lists');
    await measureTarget(target, { ...options, connections: CONNECTIONS, memoryBytes }, { row, progress });
    row('memory at the end', formatMebibytes(memoryBytes()), 'after all that');
    target.close();
  } finally {
    await world.close();
    open.delete(world);
  }
}

function parseNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new InvalidArgumentError(`must be a whole number from 1, not "${text}"`);
}
