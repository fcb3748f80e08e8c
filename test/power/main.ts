import { parseArgs } from 'node:util';
import { createPowerBox } from './power-box.ts';

/**
 * `npm run power-cuts -- [--from N] [--most M]`: pulls the plug of a box at each step of a machine's first start and of
 * its next one, or at M of the steps from the Nth on. The exit code is 1 where the box did not recover from one of them.
 */
const { values } = parseArgs({
  options: { from: { type: 'string', default: '1' }, most: { type: 'string', default: '100000' } },
});
const [from, most] = [Number(values.from), Number(values.most)];
if (![from, most].every((count) => Number.isInteger(count) && count > 0)) {
  process.stderr.write('power-cuts: --from and --most take whole numbers from 1 on\n');
  process.exit(2);
}

const box = await createPowerBox();

/** Machines are in sessions of their own, and would go on. */
async function interrupt(): Promise<void> {
  await box.close();
  process.exit(130);
}
process.once('SIGINT', () => void interrupt());
process.once('SIGTERM', () => void interrupt());

try {
  const states = [...(await box.recordStart('first')), ...(await box.recordStart('next'))];
  const chosen = states.slice(from - 1, from - 1 + most);
  let failed = 0;
  for (const [index, state] of chosen.entries()) {
    const problems = await box.recoverFrom(state);
    if (problems.length > 0) failed += 1;
    const step = state.split('/').slice(-2).join(' ');
    const said = problems.length === 0 ? 'recovered' : problems.join('; ');
    process.stdout.write(`${from + index} of ${states.length}, before ${step}: ${said}\n`);
  }
  process.stdout.write(`${chosen.length} power cuts, ${failed} not recovered from\n`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  await box.close();
}
