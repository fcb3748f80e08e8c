import type { KindSchemas } from '../../hub/api/discovery/kind-schemas.ts';
import { findDisagreements } from './checks/agreement.ts';
import { createDisksCheck } from './checks/disks.ts';
import { createDocumentsCheck } from './checks/documents.ts';
import { createMessagesCheck } from './checks/messages.ts';
import { createPresenceCheck } from './checks/presence.ts';
import { createReportsCheck } from './checks/reports.ts';
import { createRunningCheck } from './checks/running.ts';
import type { Violation } from './checks/violations.ts';
import { createViolations } from './checks/violations.ts';
import type { Bugs } from './ground.ts';
import type { Plan } from './plan.ts';
import type { TraceLine } from './scheduler.ts';
import { createScheduler } from './scheduler.ts';
import { createSeededRandom } from './seeded-random.ts';
import { joinWitnesses } from './witness.ts';
import { createWorld } from './world.ts';

/** Within which all agree, once faults stop: hello is compared every two hours, and everything else comes sooner. */
const AGREED_WITHIN_MS = 150 * 60_000;
const LOOK_EVERY_MS = 60_000;
/** For how long they have to go on agreeing. */
const STAY_AGREED_MS = 3 * 60_000;

export interface Outcome {
  /** Undefined where every promise was kept. */
  readonly violation: Violation | undefined;
  readonly trace: readonly TraceLine[];
  readonly traceHash: string;
  readonly deviceHours: number;
  readonly events: number;
  /** How often each kind of fault really happened. */
  readonly counts: ReadonlyMap<string, number>;
  /** How long it took until all agreed. */
  readonly agreedAfterMs: number;
}

export interface RunOptions {
  readonly plan: Plan;
  readonly bugs: Bugs;
  readonly schemas: KindSchemas;
  readonly isShown: boolean;
}

/** Runs one simulated world to its end, or to the first promise that is not kept. */
export async function runPlan({ plan, bugs, schemas, isShown }: RunOptions): Promise<Outcome> {
  const scheduler = createScheduler();
  const violations = createViolations(scheduler);
  const counts = new Map<string, number>();
  const documents = createDocumentsCheck(violations.accuserOf('documents'));
  const reports = createReportsCheck(violations.accuserOf('reports'));
  const presence = createPresenceCheck(violations.accuserOf('presence'), scheduler.nowMs);
  const witness = joinWitnesses([
    presence,
    documents,
    reports,
    createRunningCheck(violations.accuserOf('running'), scheduler, documents),
    createDisksCheck(violations.accuserOf('disks')),
    createMessagesCheck(violations.accuserOf('messages')),
  ]);
  const world = createWorld({
    plan,
    scheduler,
    random: createSeededRandom(`${plan.seed}/world`),
    witness,
    bugs,
    schemas,
    isShown,
    count: (what) => void counts.set(what, (counts.get(what) ?? 0) + 1),
  });

  function keepLooking(): void {
    scheduler.at(scheduler.nowMs() + LOOK_EVERY_MS, 'looking', () => {
      presence.look(world);
      keepLooking();
    });
  }

  world.begin();
  keepLooking();
  await scheduler.runUntil(plan.calmAtMs);
  let agreedAfterMs = 0;
  if (violations.found.length === 0) agreedAfterMs = await settle();

  async function settle(): Promise<number> {
    world.calm();
    const accuse = violations.accuserOf('agreement');
    let agreedSinceMs: number | undefined;
    for (let passedMs = 0; violations.found.length === 0; passedMs += LOOK_EVERY_MS) {
      const wrong = findDisagreements(world, reports);
      agreedSinceMs = wrong.length > 0 ? undefined : (agreedSinceMs ?? passedMs);
      if (agreedSinceMs !== undefined && passedMs - agreedSinceMs >= STAY_AGREED_MS) return agreedSinceMs;
      if (passedMs >= AGREED_WITHIN_MS) {
        const minutes = AGREED_WITHIN_MS / 60_000;
        for (const { subject, message } of wrong)
          accuse(subject, `${minutes} minutes after the last fault: ${message}`);
      }
      await scheduler.runUntil(plan.calmAtMs + passedMs + LOOK_EVERY_MS);
    }
    return AGREED_WITHIN_MS;
  }

  return {
    violation: violations.found[0],
    trace: scheduler.trace,
    traceHash: scheduler.traceHash(),
    deviceHours: (plan.devices.length * scheduler.nowMs()) / 3_600_000,
    events: scheduler.events(),
    counts,
    agreedAfterMs,
  };
}
