import { Command, InvalidArgumentError } from 'commander';
import { createKindSchemas } from '../../hub/api/discovery/kind-schemas.ts';
import { formatTable } from '../../shared/base/table.ts';
import { BUGS } from './bugs/find-bug.ts';
import { createSeedRunner } from './seed.ts';

/** The simulation by hand: runs worlds by their seeds, and says which broke a promise, and how. */

const WRONG_USE = 2;

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('must be a whole number from 1');
  return count;
}

const program = new Command('sim')
  .description(
    'runs simulated worlds of a hub and devices, each drawn from its seed, and checks what must hold',
  )
  .option('--seed <S>', 'the first seed', parseCount, 1)
  .option('--count <N>', 'how many seeds, one after the other', parseCount, 1)
  .option('--devices <D>', 'devices in a world', parseCount, 4)
  .option('--hours <H>', 'hours of trouble in a world, before it calms down', parseCount, 12)
  .option('--bug <NAME>', 'build a deliberate bug in')
  .option('--bugs', 'list the deliberate bugs')
  .parse();

const {
  seed: first,
  count,
  devices,
  hours,
  bug,
  bugs,
} = program.opts<{
  seed: number;
  count: number;
  devices: number;
  hours: number;
  bug?: string;
  bugs?: true;
}>();

const print = (text: string) => process.stdout.write(`${text}\n`);

async function runSeeds(): Promise<void> {
  const runner = createSeedRunner(createKindSchemas());
  let deviceHours = 0;
  let failures = 0;
  for (let seed = first; seed < first + count; seed += 1) {
    const options = { seed, devices, hours, bug };
    const outcome = await runner.run(options);
    deviceHours += outcome.deviceHours;
    if (outcome.violation === undefined) continue;
    failures += 1;
    const { check, message } = outcome.violation;
    process.stderr.write(`seed ${seed} fails (${check}: ${message}); it is being cut down\n`);
    print(await runner.explain(options, outcome));
  }
  print(`${count} seeds, ${Math.round(deviceHours)} simulated device-hours, ${failures} failures`);
  process.exitCode = failures === 0 ? 0 : 1;
}

if (bugs === true) {
  print(formatTable(BUGS.map(({ name, prose }) => [name, prose])));
} else if (bug !== undefined && !BUGS.some(({ name }) => name === bug)) {
  process.stderr.write(`sim: there is no bug "${bug}"; --bugs lists them\n`);
  process.exitCode = WRONG_USE;
} else {
  await runSeeds();
}
