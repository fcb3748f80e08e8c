import type { KindSchemas } from '../../hub/api/discovery/kind-schemas.ts';
import { createBugs } from './bugs/find-bug.ts';
import { minimisePlan } from './minimise.ts';
import type { Plan } from './plan.ts';
import type { StepKind } from './steps.ts';
import { drawPlan } from './plan.ts';
import { describeFailure } from './report.ts';
import type { Outcome } from './run.ts';
import { runPlan } from './run.ts';
import { createSeededRandom } from './seeded-random.ts';

/** What a world is drawn from: the same gives the same world. */
export interface SeedOptions {
  readonly seed: number;
  readonly devices: number;
  readonly hours: number;
  readonly focus?: readonly StepKind[] | undefined;
  /** A deliberate bug that is built in. */
  readonly bug?: string | undefined;
}

export interface SeedRunner {
  run(options: SeedOptions): Promise<Outcome>;
  /** Runs a world that failed again and again, each time with less of what befell it; the result is for people. */
  explain(options: SeedOptions, outcome: Outcome): Promise<string>;
}

/** Runs worlds by their seeds. `schemas` are the API's, which take long to make and are the same for all. */
export function createSeedRunner(schemas: KindSchemas): SeedRunner {
  const runOf = (plan: Plan, bug: string | undefined, isShown = false) =>
    runPlan({ plan, bugs: createBugs(bug), schemas, isShown });
  const planOf = (options: SeedOptions) => drawPlan(options, createSeededRandom(`${options.seed}/plan`));

  return {
    run: (options) => runOf(planOf(options), options.bug),
    async explain(options, { violation }) {
      if (violation === undefined) return '';
      const { bug } = options;
      const whole = planOf(options);
      const steps = whole.steps.filter(({ atMs }) => atMs <= violation.atMs);
      const { plan } = await minimisePlan({ ...whole, steps }, async (candidate) => {
        const outcome = await runOf(candidate, bug);
        return outcome.violation?.check === violation.check;
      });
      return describeFailure(plan, await runOf(plan, bug, true));
    },
  };
}
