import type { FieldCause } from '../../../shared/model/validate.ts';
import { invalid } from '../errors.ts';

const LIST_OPTIONS = { group: 'meta.k8s.io', kind: 'ListOptions' };
const MATCHES = ['Exact', 'NotOlderThan'];

/**
 * Checks what of a list's or a watch's options goes together, by the rules and in the words of apimachinery's
 * `ValidateListOptions`.
 * @throws ApiError 422
 */
export function checkListOptions(query: URLSearchParams, isWatch: boolean): void {
  const causes = isWatch ? judgeWatch(query) : judgeList(query);
  if (causes.length > 0) throw invalid(LIST_OPTIONS, '', causes);
}

function judgeList(query: URLSearchParams): FieldCause[] {
  const causes: FieldCause[] = [];
  const match = query.get('resourceVersionMatch') ?? '';
  const version = query.get('resourceVersion') ?? '';
  if (match !== '') {
    if (version === '') {
      causes.push(forbidMatch('resourceVersionMatch is forbidden unless resourceVersion is provided'));
    }
    if (isGiven(query, 'continue')) {
      causes.push(forbidMatch('resourceVersionMatch is forbidden when continue is provided'));
    }
    if (!MATCHES.includes(match)) causes.push(unsupported(match, [...MATCHES, '']));
    if (match === 'Exact' && version === '0') {
      causes.push(forbidMatch('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
    }
  }
  if (isGiven(query, 'sendInitialEvents')) {
    causes.push(forbid('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  return causes;
}

function judgeWatch(query: URLSearchParams): FieldCause[] {
  const causes: FieldCause[] = [];
  const match = query.get('resourceVersionMatch') ?? '';
  const isAsked = isGiven(query, 'sendInitialEvents');
  if (isAsked && match !== 'NotOlderThan') {
    causes.push(forbidMatch('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  }
  if (match === '') return causes;
  if (!isAsked) {
    causes.push(
      forbidMatch('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'),
    );
  }
  if (match !== 'NotOlderThan') causes.push(unsupported(match, ['NotOlderThan']));
  if (isGiven(query, 'continue')) {
    causes.push(forbidMatch('resourceVersionMatch is forbidden when continue is provided'));
  }
  return causes;
}

function isGiven(query: URLSearchParams, name: string): boolean {
  return (query.get(name) ?? '') !== '';
}

function forbidMatch(message: string): FieldCause {
  return forbid('resourceVersionMatch', message);
}

function forbid(field: string, message: string): FieldCause {
  return { field, reason: 'FieldValueForbidden', message };
}

function unsupported(given: string, known: readonly string[]): FieldCause {
  const message = `"${given}": supported values: ${known.map((value) => `"${value}"`).join(', ')}`;
  return { field: 'resourceVersionMatch', reason: 'FieldValueNotSupported', message };
}
