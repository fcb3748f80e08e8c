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

/** Where a URL leads. */
interface Target {
  readonly pathname: string;
  readonly query: URLSearchParams;
}

/** `/api/v1/watch/…`, before what is watched. */
const WATCH_PREFIX = /^(\/api\/[^/]+|\/apis\/[^/]+\/[^/]+)\/watch\/(.+)$/;
/** What of that is in front of an object's name. */
const OF_OBJECTS = /^((?:namespaces\/[^/]+\/)?[^/]+)\/([^/]+)\/?$/;

/**
 * A path by which clients watched before Kubernetes 1.11, and which is served ever since, turned into one of now: what
 * it leads to is a list with `watch`, of one name where it names an object. Others are left as they are.
 */
export function withoutWatchPrefix(given: Target): Target {
  const { pathname, query } = given;
  const [, root, watched = ''] = WATCH_PREFIX.exec(pathname) ?? [];
  if (root === undefined) return given;
  const [, list = watched, name] = OF_OBJECTS.exec(watched) ?? [];
  const rewritten = new URLSearchParams(query);
  rewritten.set('watch', 'true');
  if (name !== undefined) {
    const fields = [query.get('fieldSelector') ?? '', `metadata.name=${name}`];
    rewritten.set('fieldSelector', fields.filter((field) => field !== '').join());
  }
  return { pathname: `${root}/${list}`, query: rewritten };
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
