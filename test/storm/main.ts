import { parseArgs } from 'node:util';
import { messageOf } from '../../shared/base/errors.ts';
import { createWorld } from '../e2e/world.ts';
import { BROKERS } from './parts.ts';
import { formatCounts, raiseStorm } from './storm.ts';

/**
 * `npm run storm -- --minutes M [--seed S] [--broker mosquitto] [--machines N] [--busy B] [--agent-kills K]`: kills hub,
 * broker and agent over and over, the agent at least K times, while B machines are started, stopped and changed and N
 * are left alone. The exit code is 1 where something was lost, doubled or restarted.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    broker: { type: 'string', default: 'embedded' },
    machines: { type: 'string', default: '8' },
    busy: { type: 'string', default: '1' },
    'agent-kills': { type: 'string', default: '0' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
const [machines, busy, agentKills] = [values.machines, values.busy, values['agent-kills']].map(Number) as [
  number,
  number,
  number,
];
const broker = BROKERS.find((known) => known === values.broker);
const areCounts = machines > 0 && busy > 0 && [machines, busy, agentKills].every(Number.isInteger);
if (!(minutes > 0) || !areCounts || !Number.isInteger(seed) || broker === undefined) {
  process.stderr.write(
    `storm: --minutes takes a number above 0, --seed an integer, --machines and --busy integers above 0, --agent-kills an integer, --broker ${BROKERS.join(' or ')}\n`,
  );
  process.exit(2);
}

const startedAtMs = performance.now();
const world = await createWorld();

/** Machines are in sessions of their own, and would go on. The first Ctrl-C ends the storm alone. */
async function interrupt(): Promise<void> {
  await world.close();
  process.exit(130);
}
const enough = new AbortController();
process.once('SIGINT', () => {
  enough.abort();
  process.once('SIGINT', () => void interrupt());
});
process.once('SIGTERM', () => void interrupt());

const progress = (line: string) => {
  const seconds = Math.round((performance.now() - startedAtMs) / 1000);
  process.stderr.write(`storm: ${String(seconds).padStart(4)} s  ${line}\n`);
};
try {
  const { counts, problems } = await raiseStorm({
    world,
    broker,
    seconds: minutes * 60,
    machines,
    busy,
    agentKills,
    enough: enough.signal,
    seed,
    progress,
  });
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  process.stdout.write(
    `seed ${seed}, ${minutes} minutes: ${formatCounts(counts)}; ${problems.length} problems\n`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`storm: seed ${seed}: ${messageOf(error)}\n`);
  process.exitCode = 1;
} finally {
  await world.close();
}
