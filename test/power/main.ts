import { createPowerBox } from './power-box.ts';

/**
 * `npm run power-cuts`: pulls the plug of a box at each step of a machine's first start and of its next one. The exit
 * code is 1 where the box did not recover from one of them.
 */
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
  let failed = 0;
  for (const [index, state] of states.entries()) {
    const problems = await box.recoverFrom(state);
    if (problems.length > 0) failed += 1;
    const step = state.split('/').slice(-2).join(' ');
    const said = problems.length === 0 ? 'recovered' : problems.join('; ');
    process.stdout.write(`${index + 1} of ${states.length}, before ${step}: ${said}\n`);
  }
  process.stdout.write(`${states.length} power cuts, ${failed} not recovered from\n`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  await box.close();
}
