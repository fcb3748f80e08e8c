import { notAcceptable } from './errors.ts';

/** A form to answer in: JSON as it is, or turned into a kind `as` of another group, as Kubernetes negotiates it. */
export interface Accepted {
  readonly as: '' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList' | 'APIGroupDiscoveryList';
  readonly version: string;
}

const PLAIN: Accepted = { as: '', version: '' };

const FORMS: Readonly<Record<Exclude<Accepted['as'], ''>, { group: string; versions: readonly string[] }>> = {
  Table: { group: 'meta.k8s.io', versions: ['v1', 'v1beta1'] },
  PartialObjectMetadata: { group: 'meta.k8s.io', versions: ['v1', 'v1beta1'] },
  PartialObjectMetadataList: { group: 'meta.k8s.io', versions: ['v1', 'v1beta1'] },
  APIGroupDiscoveryList: { group: 'apidiscovery.k8s.io', versions: ['v2', 'v2beta1'] },
};

/**
 * The first form of an `Accept` header, by its weights and then its order, that is plain JSON or one of `offered`.
 * @throws ApiError 406 where there is none
 */
export function parseAccept(header: string, offered: readonly Accepted['as'][]): Accepted {
  for (const clause of parseClauses(header)) {
    if (!['application/json', ...WILDCARDS].includes(clause.type)) continue;
    const as = clause.parameters.get('as') ?? '';
    if (as === '') return PLAIN;
    const form = offered.find((name) => name === as);
    if (form === undefined || form === '') continue;
    const { group, versions } = FORMS[form];
    const version = clause.parameters.get('v') ?? '';
    if (clause.parameters.get('g') === group && versions.includes(version)) return { as: form, version };
  }
  throw notAcceptable('application/json');
}

/** The first of `offered` media types that an `Accept` header takes; @throws ApiError 406 where there is none */
export function parseAcceptedType(header: string, offered: readonly [string, ...string[]]): string {
  for (const { type } of parseClauses(header)) {
    const found = WILDCARDS.includes(type) ? offered[0] : offered.find((name) => name === type);
    if (found !== undefined) return found;
  }
  throw notAcceptable(offered.join(', '));
}

const WILDCARDS = ['application/*', '*/*'];

/** By their weights and then their order; without a header anything is taken. */
function parseClauses(header: string) {
  const clauses = (header.trim() === '' ? '*/*' : header).split(',').map(parseClause);
  return clauses.filter(({ weight }) => weight > 0).sort((a, b) => b.weight - a.weight);
}

function parseClause(clause: string) {
  const [type = '', ...rest] = clause.split(';').map((part) => part.trim());
  const parameters = new Map(
    rest.map((part): [string, string] => {
      const [name = '', value = ''] = part.split('=', 2);
      return [name.toLowerCase(), value];
    }),
  );
  const weight = Number(parameters.get('q') ?? 1);
  return { type: type.toLowerCase(), parameters, weight: Number.isNaN(weight) ? 1 : weight };
}
