import type { Plan } from './plan.ts';
import type { Outcome } from './run.ts';
import type { TraceLine } from './scheduler.ts';
import { describeStep } from './world.ts';

/** How much of the end of the trace is shown. */
const LINES = 60;

/** What went wrong in a world, for someone to read: what was promised, the plan that breaks it, and how it ended. */
export function describeFailure(plan: Plan, { violation, trace }: Outcome): string {
  if (violation === undefined) return '';
  const { atMs, check, subject, message } = violation;
  const concerned = new Set([subject, 'hub', 'plan', 'operator']);
  const lines = trace.filter((line) => concerned.has(line.subject)).slice(-LINES);
  return [
    `seed ${plan.seed}: ${check} at ${formatMs(atMs)}, ${subject}: ${message}`,
    `  the plan, cut down to ${plan.steps.length} steps (the broker is ${plan.brokerIsInside ? 'in' : 'apart from'} the hub):`,
    ...plan.steps.map((step) => `    ${formatMs(step.atMs)} ${describeStep(step)}`),
    `  the end of what ${subject} and the hub did:`,
    ...lines.map(formatLine),
  ].join('\n');
}

function formatLine({ atMs, subject, text }: TraceLine): string {
  return `    ${formatMs(atMs)} ${subject} ${text.slice(0, 300)}`;
}

function formatMs(ms: number): string {
  const seconds = ms / 1000;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return `${hours}:${String(minutes).padStart(2, '0')}:${(seconds % 60).toFixed(3).padStart(6, '0')}`;
}
