const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

const LETTERS: ReadonlyMap<number, string> = new Map([
  [1, 's'],
  [MINUTE, 'm'],
  [HOUR, 'h'],
  [DAY, 'd'],
  [YEAR, 'y'],
]);

/** Below `until` seconds: a number of `unit`, and what is left over in `rest`. */
const STEPS: readonly { readonly until: number; readonly unit: number; readonly rest?: number }[] = [
  { until: 2 * MINUTE, unit: 1 },
  { until: 10 * MINUTE, unit: MINUTE, rest: 1 },
  { until: 3 * HOUR, unit: MINUTE },
  { until: 8 * HOUR, unit: HOUR, rest: MINUTE },
  { until: 2 * DAY, unit: HOUR },
  { until: 8 * DAY, unit: DAY, rest: HOUR },
  { until: 2 * YEAR, unit: DAY },
  { until: 8 * YEAR, unit: YEAR, rest: DAY },
  { until: Infinity, unit: YEAR },
];

/** An age in the two units at most that `kubectl` shows (apimachinery's `duration.HumanDuration`): `45s`, `3h12m`. */
export function formatAge(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (Number.isNaN(seconds) || seconds < -1) return '<invalid>';
  const age = Math.max(seconds, 0);
  const step = STEPS.find(({ until }) => age < until);
  if (step === undefined) return '<invalid>';
  const left = step.rest === undefined ? 0 : Math.floor((age % step.unit) / step.rest);
  const whole = `${Math.floor(age / step.unit)}${LETTERS.get(step.unit)}`;
  return left === 0 ? whole : `${whole}${left}${LETTERS.get(step.rest ?? 1)}`;
}
