import type { KindDefinition } from '../../../shared/model/kind.ts';

/** What a request is, in the words of Kubernetes' authorization and metrics; '' for what does not apply. */
export interface RequestAttributes {
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly scope: '' | 'cluster' | 'namespace' | 'resource';
}

/** For objects: their names are then the last of a path. */
const OBJECT_VERBS: Readonly<Record<string, string>> = {
  GET: 'GET',
  PUT: 'PUT',
  PATCH: 'PATCH',
  DELETE: 'DELETE',
  POST: 'POST',
};
const COLLECTION_VERBS: Readonly<Record<string, string>> = {
  GET: 'LIST',
  POST: 'POST',
  DELETE: 'DELETECOLLECTION',
};

/** Tells from a request's line alone; only of kinds that are served, so that nobody can make up new values. */
export function readAttributes(
  kinds: readonly KindDefinition[],
  method: string,
  pathname: string,
  isWatch: boolean,
): RequestAttributes {
  const none = { group: '', version: '', resource: '', subresource: '', scope: '' } as const;
  const [, root, ...rest] = pathname.split('/');
  const group = root === 'api' ? '' : root === 'apis' ? (rest.shift() ?? '') : undefined;
  const [version = '', ...segments] = rest;
  const isInside = segments[0] === 'namespaces' && segments.length > 2 && segments[2] !== 'status';
  const [plural, name, subresource = ''] = isInside ? segments.slice(2) : segments;
  const kind = kinds.find((one) => {
    const isGroup = one.group === group || group?.endsWith(`subresources.${one.group}`) === true;
    return isGroup && one.plural === plural;
  });
  const known = (name === undefined ? COLLECTION_VERBS : OBJECT_VERBS)[method] ?? 'OTHER';
  if (group === undefined || kind === undefined) return { ...none, verb: OBJECT_VERBS[method] ?? 'OTHER' };
  return {
    verb: isWatch && name === undefined ? 'WATCH' : known,
    group: kind.group,
    version: kind.versions.includes(version) ? version : '',
    resource: kind.plural,
    subresource: /^[a-z]{1,32}$/.test(subresource) ? subresource : '',
    scope: name !== undefined ? 'resource' : isInside ? 'namespace' : 'cluster',
  };
}
