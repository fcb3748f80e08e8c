import { execFileSync } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { messageOf } from '../../shared/base/errors.ts';
import { formatTable } from '../../shared/base/table.ts';
import type { OpenWorlds } from './bench-world.ts';
import type { Figure, Report, Row } from './figure.ts';
import { createFirstAnswerFigure } from './first-answer.ts';
import { createStartFigure } from './start.ts';
import { createStreamsFigure } from './streams.ts';
import { createTenMachinesFigure } from './ten-machines.ts';
import { createTwentyMachinesFigure } from './twenty-machines.ts';

/** The figures of one box with real guests. */
export function createBoxFigures(open: OpenWorlds): Figure[] {
  return [
    createTenMachinesFigure(open),
    createTwentyMachinesFigure(open),
    createStartFigure(open),
    createFirstAnswerFigure(open),
    createStreamsFigure(open),
  ];
}

/** Measures figures and prints them as one table; the result names what could not be measured. */
export async function measureBox(
  figures: readonly Figure[],
  progress: Report['progress'],
): Promise<string[]> {
  const rows: Row[] = [];
  const failures: string[] = [];
  const report: Report = { row: (figure, value, note) => rows.push({ figure, value, note }), progress };
  /** Whatever else the box does makes every time longer, and ratios less so. */
  const [loadBefore = 0] = loadavg();
  for (const figure of figures) {
    progress(figure.prose);
    try {
      await figure.measure(report);
    } catch (error) {
      failures.push(`${figure.prose}: ${messageOf(error)}`);
      progress(`could not be measured: ${messageOf(error)}`);
    }
  }
  const [qemu = ''] = execFileSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' }).split('\n');
  const cells = rows.map(({ figure, value, note }) => [figure, value, note]);
  process.stdout.write(
    [
      `${availableParallelism()} CPUs (load ${loadBefore.toFixed(2)} before), guests under TCG, ${qemu}, Node ${process.version}`,
      '',
      formatTable([['FIGURE', 'VALUE', 'NOTE'], ...cells]),
      ...failures.map((failure) => `not measured: ${failure}`),
      '',
    ].join('\n'),
  );
  return failures;
}
