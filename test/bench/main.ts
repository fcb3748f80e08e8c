import { Command } from 'commander';
import type { OpenWorlds } from './bench-world.ts';
import { createBoxFigures, measureBox } from './box.ts';
import { createApiCommand } from './api/command.ts';
import { createFleetCommand } from './fleet/command.ts';

/**
 * Measures figures on this box and prints them as one table. They pass or fail nothing; the exit code is 1 only where
 * one could not be measured.
 */
const open: OpenWorlds = new Set();
const startedAtMs = performance.now();

function progress(line: string): void {
  const seconds = Math.round((performance.now() - startedAtMs) / 1000);
  process.stderr.write(`bench: ${String(seconds).padStart(4)} s  ${line}\n`);
}

/** What was started is in sessions of its own in part, and would go on. */
async function interrupt(): Promise<void> {
  for (const world of open) await world.close();
  process.exit(130);
}
process.once('SIGINT', () => void interrupt());
process.once('SIGTERM', () => void interrupt());

const boxFigures = createBoxFigures(open);

await new Command('bench')
  .description('Measure figures on this box, and print them')
  .argument(
    '[figure...]',
    `of one box with real guests: ${boxFigures.map(({ name }) => name).join(', ')} (all)`,
  )
  .action(async (chosen: readonly string[], _options: object, command: Command) => {
    const names = boxFigures.map(({ name }) => name);
    const unknown = chosen.find((name) => !names.includes(name));
    if (unknown !== undefined) {
      command.error(`bench: there is no figure "${unknown}"; there are ${names.join(', ')}, fleet and api`, {
        exitCode: 2,
      });
    }
    const figures = boxFigures.filter(({ name }) => chosen.length === 0 || chosen.includes(name));
    const failures = await measureBox(figures, progress);
    process.exitCode = failures.length === 0 ? 0 : 1;
  })
  .addCommand(createFleetCommand({ open, progress }))
  .addCommand(createApiCommand({ open, progress }))
  .parseAsync();
