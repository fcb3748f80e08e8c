import { execFileSync } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { messageOf } from '../../shared/base/errors.ts';
import { formatTable } from '../../shared/base/table.ts';
import type { OpenWorlds } from './bench-world.ts';
import type { Report, Row } from './figure.ts';
import { createFirstAnswerFigure } from './first-answer.ts';
import { createStartFigure } from './start.ts';
import { createTenMachinesFigure } from './ten-machines.ts';

/**
 * Measures figures on this box (those named as arguments, or all) and prints them as one table. They pass or fail
 * nothing; the exit code is 1 only where one could not be measured.
 */
const open: OpenWorlds = new Set();
const rows: Row[] = [];
const failures: string[] = [];
const startedAtMs = performance.now();
/** Whatever else the box does makes every time longer, and ratios less so. */
const [loadBefore = 0] = loadavg();

const report: Report = {
  row: (figure, value, note) => rows.push({ figure, value, note }),
  progress(line) {
    const seconds = Math.round((performance.now() - startedAtMs) / 1000);
    process.stderr.write(`bench: ${String(seconds).padStart(4)} s  ${line}\n`);
  },
};

/** What was started is in sessions of its own in part, and would go on. */
async function interrupt(): Promise<void> {
  for (const world of open) await world.close();
  process.exit(130);
}
process.once('SIGINT', () => void interrupt());
process.once('SIGTERM', () => void interrupt());

const figures = [createTenMachinesFigure(open), createStartFigure(open), createFirstAnswerFigure(open)];
const names = figures.map(({ name }) => name);
const chosen = process.argv.slice(2);
const unknown = chosen.find((name) => !names.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`bench: there is no figure "${unknown}"; there are ${names.join(', ')}\n`);
  process.exit(2);
}

for (const figure of figures.filter(({ name }) => chosen.length === 0 || chosen.includes(name))) {
  report.progress(figure.prose);
  try {
    await figure.measure(report);
  } catch (error) {
    failures.push(`${figure.prose}: ${messageOf(error)}`);
    report.progress(`could not be measured: ${messageOf(error)}`);
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
process.exitCode = failures.length === 0 ? 0 : 1;
