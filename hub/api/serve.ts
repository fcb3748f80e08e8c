import type { Answer, Reply } from './answer.ts';
import { jsonReply, shapeAnswer } from './answer.ts';
import { parseAccept } from './accept.ts';
import type { ApiContext, ApiRequest } from './context.ts';
import { create } from './create.ts';
import { deleteCollection, deleteObject } from './delete.ts';
import {
  AGGREGATED_CONTENT_TYPE,
  compileAggregatedDiscovery,
  compileApiVersions,
  compileGroup,
  compileGroupList,
  compileResourceList,
} from './discovery.ts';
import { methodNotAllowed, pathNotFound } from './errors.ts';
import { get } from './get.ts';
import { list } from './list.ts';
import type { OpenApi } from './openapi.ts';
import { createOpenApi } from './openapi.ts';
import { patch } from './patch.ts';
import type { ObjectPath, ResourcePath } from './path.ts';
import { parseResourcePath, splitPath } from './path.ts';
import { parseFlag } from './query.ts';
import { serveScale } from './scale.ts';
import { findSubresource } from './subresources.ts';
import { update } from './update.ts';
import { compileVersion } from './version.ts';
import type { CreateView } from './view.ts';
import { createViews } from './view.ts';
import { watch } from './watch.ts';

/** A request as it came in. */
export interface RawRequest extends Omit<ApiRequest, 'accepted'> {
  readonly pathname: string;
  readonly accept: string;
}

/** Answers requests, whatever they come in by; @throws ApiError */
export type Serve = (request: RawRequest) => Promise<Reply>;

export function createServe(context: ApiContext): Serve {
  const createView = createViews(context);
  const openApi = createOpenApi(context.kinds, context.schemas, context.version);
  return async (request) => {
    const segments = splitPath(request.pathname);
    const [root, ...rest] = segments;
    const group = root === 'apis' ? rest.shift() : root === 'api' ? '' : undefined;
    const found = group === undefined ? undefined : findSubresource(context.kinds, group, rest);
    if (found !== undefined) return serveSubresource(context, found, request);
    if (group !== undefined && rest.length > 1) {
      return serveResource(context, createView, parseResourcePath(context.kinds, group, rest), request);
    }
    if (request.method !== 'GET') throw methodNotAllowed();
    return serveDocument(context, openApi, segments, request.accept);
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
  const answer = await ('name' in path
    ? serveObject(context, path, checked)
    : serveKind(context, path, checked));
  return shapeAnswer(answer, view);
}

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
      return parseFlag(request.query, 'watch') === true
        ? watch(context, path, request)
        : list(context, path, request);
    case 'POST':
      if (path.kind.namespaced && path.namespace === undefined) throw methodNotAllowed();
      return create(context, path, request);
    case 'DELETE':
      return deleteCollection(context, path, request);
    default:
      throw methodNotAllowed();
  }
}

function serveObject(context: ApiContext, path: ObjectPath, request: ApiRequest): Promise<Answer> {
  if (path.scale === true) return serveScale(context, path, request);
  switch (request.method) {
    case 'GET':
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

/** Everything that is served beside objects; @throws ApiError 404 */
function serveDocument(
  { kinds, version }: ApiContext,
  openApi: OpenApi,
  segments: readonly string[],
  accept: string,
): Reply {
  const [first, second, third] = segments;
  const isDiscovery = segments.length === 1 && (first === 'api' || first === 'apis');
  const accepted = parseAccept(accept, isDiscovery ? ['APIGroupDiscoveryList'] : []);
  if (accepted.as === 'APIGroupDiscoveryList') {
    const body = compileAggregatedDiscovery(kinds, first === 'api');
    return { ...jsonReply(body), contentType: AGGREGATED_CONTENT_TYPE };
  }
  if (first === 'openapi' && second === 'v3') {
    return jsonReply(segments.length === 2 ? openApi.index() : openApi.document(segments.slice(2).join('/')));
  }
  if (first === 'api' && segments.length <= 2) {
    return jsonReply(
      second === undefined ? compileApiVersions(kinds) : compileResourceList(kinds, '', second),
    );
  }
  if (first === 'apis' && segments.length <= 3) {
    if (second === undefined) return jsonReply(compileGroupList(kinds));
    return jsonReply(
      third === undefined ? compileGroup(kinds, second) : compileResourceList(kinds, second, third),
    );
  }
  if (first === 'version' && second === undefined) return jsonReply(compileVersion(version));
  if (first !== undefined && ['healthz', 'livez', 'readyz'].includes(first))
    return { form: 'text', text: 'ok' };
  throw pathNotFound();
}
