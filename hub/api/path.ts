import type { KindDefinition } from '../../shared/model/kind.ts';
import { storedKindOf } from '../../shared/model/kind.ts';
import type { ObjectKey } from '../ports.ts';
import { badRequest, pathNotFound } from './errors.ts';

/** What a URL under `/api/v1` or `/apis/GROUP/VERSION` points at. */
export interface ResourcePath {
  readonly kind: KindDefinition;
  /** The one asked for, of those that the kind is served in. */
  readonly version: string;
  /** Left out for kinds without namespaces, and where all namespaces are meant. */
  readonly namespace?: string;
}

/** A path down to one object, or to its status or scale. */
export interface ObjectPath extends ResourcePath {
  readonly name: string;
  readonly status: boolean;
  readonly scale?: true;
}

/**
 * Reads the segments of a URL's path after `/api` (group '') or `/apis/GROUP`.
 * @throws ApiError 404 where no kind is served there
 */
export function parseResourcePath(
  kinds: readonly KindDefinition[],
  group: string,
  segments: readonly string[],
): ResourcePath | ObjectPath {
  const [version = '', ...rest] = segments;
  // `namespaces/a/status` is the status of a namespace, `namespaces/a/anything-else` a collection inside it.
  const inside = rest[0] === 'namespaces' && rest.length > 2 && !(group === '' && rest[2] === 'status');
  const [plural, name, subresource, ...beyond] = inside ? rest.slice(2) : rest;
  const kind = kinds.find((known) => {
    return known.group === group && known.plural === plural && known.versions.includes(version);
  });
  if (kind === undefined || beyond.length > 0) throw pathNotFound();
  if (inside ? !kind.namespaced : kind.namespaced && name !== undefined) throw pathNotFound();
  const path = { kind, version, ...(inside && { namespace: rest[1] ?? '' }) };
  if (name === undefined) return path;
  if (subresource === 'scale' && kind.scaleSubresource === true)
    return { ...path, name, status: false, scale: true };
  if (subresource !== undefined && !(subresource === 'status' && kind.statusSubresource))
    throw pathNotFound();
  return { ...path, name, status: subresource !== undefined };
}

/** The segments of a URL's path, decoded; a slash at the end makes no difference. */
export function splitPath(pathname: string): string[] {
  const segments = pathname.split('/').slice(1);
  if (segments.at(-1) === '') segments.pop();
  try {
    return segments.map(decodeURIComponent);
  } catch {
    throw badRequest("the URL's path is not well encoded");
  }
}

export function keyOf({ kind, namespace, name }: ObjectPath): ObjectKey {
  return { kind: storedKindOf(kind), namespace: namespace ?? '', name };
}
