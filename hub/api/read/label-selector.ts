import { badRequest } from '../errors.ts';

/**
 * Kubernetes' label selectors, after apimachinery's `labels.Parse`: `a`, `!a`, `a=x`, `a==x`, `a!=x`, `a in (x,y)`,
 * `a notin (x,y)`, `a>1`, `a<1`, all of them joined by commas.
 */
export type LabelSelector = (labels: Readonly<Record<string, string>>) => boolean;

const KEY = String.raw`[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?`;
const VALUE = String.raw`(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?`;
const EXISTS = new RegExp(`^(!?)\\s*(${KEY})$`);
const COMPARES = new RegExp(`^(${KEY})\\s*(==|=|!=|>|<)\\s*(${VALUE})$`);
const CONTAINS = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const WHOLE_VALUE = new RegExp(`^${VALUE}$`);

/** @throws ApiError 400 naming the requirement that can't be read */
export function parseLabelSelector(text: string): LabelSelector {
  if (text.trim() === '') return () => true;
  // Commas inside parentheses belong to a set of values.
  const requirements = text.split(/,(?![^(]*\))/).map((part) => parseRequirement(part.trim()));
  return (labels) => requirements.every((matches) => matches((key) => valueOf(labels, key)));
}

type Requirement = (label: (key: string) => string | undefined) => boolean;

function parseRequirement(text: string): Requirement {
  const exists = EXISTS.exec(text);
  if (exists !== null) return (label) => (label(exists[2] ?? '') === undefined) === (exists[1] === '!');
  const compares = COMPARES.exec(text);
  if (compares !== null)
    return compareRequirement(compares[1] ?? '', compares[2] ?? '', compares[3] ?? '', text);
  const contains = CONTAINS.exec(text);
  if (contains !== null) {
    const values = (contains[3] ?? '').split(',').map((value) => value.trim());
    if (!values.every((value) => WHOLE_VALUE.test(value))) throw unreadable(text);
    return (label) => {
      const value = label(contains[1] ?? '');
      return (value !== undefined && values.includes(value)) === (contains[2] === 'in');
    };
  }
  throw unreadable(text);
}

function compareRequirement(key: string, operator: string, wanted: string, text: string): Requirement {
  switch (operator) {
    case '=':
    case '==':
      return (label) => label(key) === wanted;
    case '!=':
      return (label) => label(key) !== wanted;
    default: {
      if (!/^-?\d+$/.test(wanted)) throw unreadable(text);
      const limit = Number(wanted);
      return (label) => {
        const value = label(key);
        if (value === undefined || !/^-?\d+$/.test(value)) return false;
        return operator === '>' ? Number(value) > limit : Number(value) < limit;
      };
    }
  }
}

function valueOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function unreadable(text: string) {
  return badRequest(`unable to parse the label selector's requirement "${text}"`);
}
