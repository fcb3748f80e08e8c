import { z } from 'zod';
import { labels } from './metadata.ts';
import { asOneValue, fields } from './schema.ts';

/** Kubernetes' meta/v1 `LabelSelector`: all of it must be true of what it selects. */

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

const requirement = fields({
  key: z.string().min(1).meta({ description: 'The label that this is about' }),
  operator: z.enum(OPERATORS).meta({ description: "How the label's value relates to the values" }),
  values: z.array(z.string()).meta({ description: 'For In and NotIn: the values' }).optional(),
}).superRefine(({ operator, values = [] }, context) => {
  const takesValues = operator === 'In' || operator === 'NotIn';
  if (takesValues === values.length > 0) return;
  const message = takesValues ? `is required for the operator ${operator}` : `must be empty for ${operator}`;
  context.addIssue({ code: 'custom', path: ['values'], message });
});

export const labelSelector = asOneValue(
  fields({
    matchLabels: labels.optional().meta({ description: 'Labels that must be there with these values' }),
    matchExpressions: z
      .array(requirement)
      .optional()
      .meta({ description: 'Further requirements, all of which must be met' }),
  }),
);
export type LabelSelector = z.infer<typeof labelSelector>;

/** Whether a selector selects what has these labels. One that says nothing selects everything. */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  of: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => valueOf(of, key) === value) &&
    matchExpressions.every((requirement) => isMet(requirement, valueOf(of, requirement.key)))
  );
}

/** The selector as a text, in the form that `kubectl get --selector` takes. */
export function formatLabelSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const equal = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const others = matchExpressions.map(({ key, operator, values = [] }) => {
    switch (operator) {
      case 'In':
        return `${key} in (${values.join(',')})`;
      case 'NotIn':
        return `${key} notin (${values.join(',')})`;
      case 'Exists':
        return key;
      case 'DoesNotExist':
        return `!${key}`;
    }
  });
  return [...equal, ...others].join(',');
}

/** Whether a label's value, undefined where there is none, is as a requirement has it. */
export function isMet(
  { operator, values = [] }: Pick<z.infer<typeof requirement>, 'operator' | 'values'>,
  value: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

function valueOf(of: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(of, key) ? of[key] : undefined;
}
