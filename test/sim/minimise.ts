import type { Plan, Step } from './plan.ts';

/** Within how many tries; each is a world of its own. */
const MOST_TRIES = 60;

/**
 * Leaves out steps of a plan as long as what is left still fails, by halves first and then by ever smaller parts
 * (Zeller's delta debugging). The result fails, too.
 */
export async function minimisePlan(
  plan: Plan,
  fails: (plan: Plan) => Promise<boolean>,
): Promise<{ readonly plan: Plan; readonly tries: number }> {
  let steps: readonly Step[] = plan.steps;
  let tries = 0;
  let parts = 2;
  while (steps.length > 1 && tries < MOST_TRIES) {
    const size = Math.ceil(steps.length / parts);
    const found = await findSmaller(steps, size);
    if (found !== undefined) {
      steps = found;
      parts = Math.max(parts - 1, 2);
    } else if (size === 1) break;
    else parts = Math.min(parts * 2, steps.length);
  }
  return { plan: { ...plan, steps }, tries };

  async function findSmaller(from: readonly Step[], size: number): Promise<readonly Step[] | undefined> {
    // The last steps first: what came before them is what they stand on.
    for (let end = from.length; end > 0 && tries < MOST_TRIES; end -= size) {
      const rest = [...from.slice(0, Math.max(end - size, 0)), ...from.slice(end)];
      tries += 1;
      if (await fails({ ...plan, steps: rest })) return rest;
    }
    return undefined;
  }
}
