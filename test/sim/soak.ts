import { Command, InvalidArgumentError } from 'commander';
import { createKindSchemas } from '../../hub/api/discovery/kind-schemas.ts';
import { formatTable } from '../../shared/base/table.ts';
import { createSeedRunner } from './seed.ts';
import { COUNTED } from './steps.ts';

/** Simulates for as long as it is asked to, and says how much of what can go wrong went wrong. */

function parseMinutes(text: string): number {
  const minutes = Number(text);
  if (!(minutes > 0)) throw new InvalidArgumentError('must be a number above 0');
  return minutes;
}

const { minutes, seed: firstSeed } = new Command('soak')
  .description(
    'runs simulated worlds, each from another seed, until the time is over; fails where a kind of fault never was',
  )
  .option('--minutes <M>', 'how long, in minutes of this computer', parseMinutes, 10)
  .option('--seed <S>', 'the first seed; without it, one that is drawn', parseMinutes)
  .parse()
  .opts<{ minutes: number; seed?: number }>();

const print = (text: string) => process.stdout.write(`${text}\n`);
const endsAtMs = performance.now() + minutes * 60_000;
const runner = createSeedRunner(createKindSchemas());
const counts = new Map(COUNTED.map((kind) => [kind, 0]));
const start = firstSeed ?? Math.floor(Math.random() * 1_000_000) * 1_000;
let deviceHours = 0;
let failures = 0;
let worlds = 0;

for (let seed = start; performance.now() < endsAtMs; seed += 1) {
  // Some worlds are small and long, some large and short.
  const devices = 1 + (seed % 6);
  const options = { seed, devices, hours: Math.ceil(36 / devices) };
  const outcome = await runner.run(options);
  worlds += 1;
  deviceHours += outcome.deviceHours;
  for (const [kind, count] of outcome.counts) counts.set(kind, (counts.get(kind) ?? 0) + count);
  if (outcome.violation === undefined) continue;
  failures += 1;
  process.stderr.write(`seed ${seed} fails (${outcome.violation.message}); it is being cut down\n`);
  print(await runner.explain(options, outcome));
  print(`  again: npm run sim -- --seed ${seed} --devices ${devices} --hours ${options.hours}`);
}

const never = [...counts].filter(([, count]) => count === 0).map(([kind]) => kind);
print(
  formatTable([['WHAT HAPPENED', 'TIMES'], ...[...counts].map(([kind, count]) => [kind, String(count)])]),
);
if (never.length > 0) print(`never happened: ${never.join(', ')}`);
print(
  `${worlds} seeds from ${start}, ${Math.round(deviceHours)} simulated device-hours, ${failures} failures`,
);
process.exitCode = failures === 0 && never.length === 0 ? 0 : 1;
