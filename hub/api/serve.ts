import { deviceKind } from '../../shared/model/device.ts';
import type { Verb } from '../../shared/model/kind.ts';
import { parseAccept } from './accept.ts';
import type { Answer, Reply } from './answer.ts';
import { shapeAnswer } from './answer.ts';
import type { ApiContext, ApiRequest } from './context.ts';
import { create } from './write/create.ts';
import { deleteCollection, deleteObject } from './write/delete.ts';
import { SIGN_VERBS, addLastHeard, getSign, isSign, listSigns } from './read/device-signs.ts';
import { createDocuments } from './discovery/documents.ts';
import { methodNotAllowed, verbNotAllowed } from './errors.ts';
import { get } from './read/get.ts';
import { KUBEVIRT_GROUP, serveKubevirt } from './subresources/kubevirt.ts';
import { list } from './read/list.ts';
import { patch } from './write/patch.ts';
import type { ObjectPath, ResourcePath } from './path.ts';
import { parseResourcePath, splitPath } from './path.ts';
import { refuseProxies } from './subresources/proxies.ts';
import { parseFlag } from './query.ts';
import { REVIEW_KINDS, review } from './reviews.ts';
import { serveScale } from './write/scale.ts';
import { findSubresource } from './subresources/registry.ts';
import { update } from './write/update.ts';
import type { CreateView } from './view/view.ts';
import { createViews } from './view/view.ts';
import { watch } from './watch/watch.ts';

/** A request as it came in. */
export interface RawRequest extends Omit<ApiRequest, 'accepted'> {
  readonly pathname: string;
  readonly accept: string;
  /** Of an `If-None-Match` header. */
  readonly knownTag?: string;
}

/** Answers requests, whatever they come in by; @throws ApiError */
export type Serve = (request: RawRequest) => Promise<Reply>;

export function createServe(context: ApiContext): Serve {
  const createView = createViews(context);
  const serveDocument = createDocuments(context);
  return async (request) => {
    const segments = splitPath(request.pathname);
    const [root, ...rest] = segments;
    const group = root === 'apis' ? rest.shift() : root === 'api' ? '' : undefined;
    const found = group === undefined ? undefined : findSubresource(context.kinds, group, rest);
    if (found !== undefined) return serveSubresource(context, found, request);
    if (group === '') await refuseProxies(context, rest);
    const beside = group === KUBEVIRT_GROUP ? serveKubevirt(rest, context.version) : undefined;
    if (beside !== undefined) return beside;
    if (group !== undefined && rest.length > 1) {
      return serveResource(context, createView, parseResourcePath(context.kinds, group, rest), request);
    }
    if (request.method !== 'GET') throw methodNotAllowed();
    return serveDocument(segments, request);
  };
}

async function serveResource(
  context: ApiContext,
  createView: CreateView,
  path: ResourcePath | ObjectPath,
  request: RawRequest,
): Promise<Reply> {
  const accepted = parseAccept(request.accept, [
    'Table',
    'PartialObjectMetadata',
    'PartialObjectMetadataList',
  ]);
  const checked: ApiRequest = { ...request, accepted };
  // Before the verb, so that a bad request changes nothing.
  const view = createView(path, checked);
  requireVerb(path, checked);
  const answer = await ('name' in path
    ? serveObject(context, path, checked)
    : serveKind(context, path, checked));
  const isSeen = accepted.as === 'Table' && path.kind === deviceKind;
  return shapeAnswer(isSeen ? await addLastHeard(context.store, answer) : answer, view, context.clock);
}

/** @throws ApiError 405 where the kind does not have what is asked for */
function requireVerb(path: ResourcePath | ObjectPath, { method, query }: ApiRequest): void {
  const verbs = path.kind.verbs ?? (isSign(path) ? SIGN_VERBS : undefined);
  const isObject = 'name' in path;
  const verb = isObject ? OBJECT_VERBS[method] : COLLECTION_VERBS[method];
  if (verbs === undefined || verb === undefined) return;
  const asked = verb === 'list' && parseFlag(query, 'watch') === true ? 'watch' : verb;
  if (!verbs.only.includes(asked)) throw verbNotAllowed(verbs.why);
}

const OBJECT_VERBS: Readonly<Record<string, Verb>> = {
  GET: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};
const COLLECTION_VERBS: Readonly<Record<string, Verb>> = {
  GET: 'list',
  POST: 'create',
  DELETE: 'deletecollection',
};

function serveSubresource(
  context: ApiContext,
  { subresource, target }: NonNullable<ReturnType<typeof findSubresource>>,
  request: RawRequest,
): Promise<Reply> {
  if (request.method !== (subresource.verb === 'get' ? 'GET' : 'PUT')) throw methodNotAllowed();
  return subresource.serve(context, target, { ...request, accepted: parseAccept(request.accept, []) });
}

function serveKind(context: ApiContext, path: ResourcePath, request: ApiRequest): Promise<Answer> {
  switch (request.method) {
    case 'GET':
      if (isSign(path)) return listSigns(context, path, request);
      return parseFlag(request.query, 'watch') === true
        ? watch(context, path, request)
        : list(context, path, request);
    case 'POST':
      if (REVIEW_KINDS.includes(path.kind)) return Promise.resolve(review(path, request));
      requireNamespaceOf(path);
      return create(context, path, request);
    case 'DELETE':
      requireNamespaceOf(path);
      return deleteCollection(context, path, request);
    default:
      throw methodNotAllowed();
  }
}

/** As upstream all namespaces are only read at once: nobody makes, or deletes, in every one. @throws ApiError 405 */
function requireNamespaceOf({ kind, namespace }: ResourcePath): void {
  if (kind.namespaced && namespace === undefined) throw methodNotAllowed();
}

function serveObject(context: ApiContext, path: ObjectPath, request: ApiRequest): Promise<Answer> {
  if (path.scale === true) return serveScale(context, path, request);
  switch (request.method) {
    case 'GET':
      if (isSign(path)) return getSign(context, path);
      return get(context, path, request);
    case 'PUT':
      return update(context, path, request);
    case 'PATCH':
      return patch(context, path, request);
    case 'DELETE':
      if (path.status) throw methodNotAllowed();
      return deleteObject(context, path, request);
    default:
      throw methodNotAllowed();
  }
}
