import { createHash } from 'node:crypto';
import { EXPOSITION_TYPE, formatMetrics } from '../../shared/base/exposition.ts';
import { parseAccept } from './accept.ts';
import type { EncodedReply, Reply } from './answer.ts';
import { jsonReply } from './answer.ts';
import type { ApiContext } from './context.ts';
import {
  aggregatedTypeOf,
  compileAggregatedDiscovery,
  compileApiVersions,
  compileGroup,
  compileGroupList,
  compileResourceList,
} from './discovery.ts';
import { pathNotFound } from './errors.ts';
import type { OpenApi } from './openapi.ts';
import { createOpenApi } from './openapi.ts';
import { serveOpenApiV2 } from './openapi-v2.ts';
import type { RawRequest } from './serve.ts';
import { compileVersion } from './version.ts';

type Asked = Pick<RawRequest, 'accept' | 'query' | 'knownTag'>;

/** What is served beside objects; @throws ApiError 404, 406 */
export type ServeDocument = (segments: readonly string[], asked: Asked) => Reply;

const ROOTS = [
  '/api',
  '/apis',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/readyz',
  '/version',
];

export function createDocuments(context: ApiContext): ServeDocument {
  const { kinds, version } = context;
  const openApi = createOpenApi(kinds, context.schemas, version);
  return (segments, asked) => {
    const [first, second, third, ...rest] = segments;
    const isDiscovery = segments.length === 1 && (first === 'api' || first === 'apis');
    if (isDiscovery) {
      const accepted = parseAccept(asked.accept, ['APIGroupDiscoveryList']);
      if (accepted.as === 'APIGroupDiscoveryList') {
        const body = compileAggregatedDiscovery(kinds, first === 'api', accepted.version);
        return tagged(JSON.stringify(body), aggregatedTypeOf(accepted.version), asked);
      }
    }
    if (first === 'openapi' && second === 'v2' && third === undefined) {
      return { form: 'encoded', code: 200, ...serveOpenApiV2(openApi, asked.accept) };
    }
    parseAccept(asked.accept, isDiscovery ? ['APIGroupDiscoveryList'] : []);
    if (first === 'openapi' && second === 'v3')
      return serveOpenApiV3(openApi, segments.slice(2).join('/'), asked);
    if (first === undefined) return jsonReply({ paths: ROOTS });
    if (first === 'api' && segments.length <= 2) {
      return jsonReply(
        second === undefined ? compileApiVersions(kinds) : compileResourceList(kinds, '', second),
      );
    }
    if (first === 'apis' && rest.length === 0) {
      if (second === undefined) return jsonReply(compileGroupList(kinds));
      return jsonReply(
        third === undefined ? compileGroup(kinds, second) : compileResourceList(kinds, second, third),
      );
    }
    if (first === 'version' && second === undefined) return jsonReply(compileVersion(version));
    throw pathNotFound();
  };
}

/** Documents are found by their hash, so that clients need not ask again for what they have. */
function serveOpenApiV3(openApi: OpenApi, root: string, asked: Asked): Reply {
  if (root === '') return tagged(JSON.stringify(openApi.index()), 'application/json', asked);
  const { text, hash } = openApi.document(root);
  const given = asked.query.get('hash');
  if (given === null || given === '') return tagged(text, 'application/json', asked);
  const headers = {
    etag: `"${hash}"`,
    'cache-control': 'public, immutable',
    expires: FAR_AWAY,
    vary: 'Accept',
  };
  if (given === hash)
    return { form: 'encoded', code: 200, content: text, contentType: 'application/json', headers };
  const location = `/openapi/v3/${root}?hash=${hash}`;
  return { form: 'encoded', code: 301, content: '', contentType: 'application/json', headers: { location } };
}

const FAR_AWAY = 'Fri, 31 Dec 9999 23:59:59 GMT';

/** With an `ETag`; a client that has it already is told so. */
function tagged(content: string, contentType: string, { knownTag = '' }: Asked): EncodedReply {
  const etag = `"${createHash('sha256').update(content).digest('hex').toUpperCase()}"`;
  const headers = { etag, vary: 'Accept', 'cache-control': 'public' };
  const isKnown = knownTag.split(',').some((tag) => tag.trim() === etag);
  if (isKnown) return { form: 'encoded', code: 304, content: '', contentType, headers };
  return { form: 'encoded', code: 200, content, contentType, headers };
}

/** `/metrics`, as Prometheus reads it. */
export function metricsReply(metrics: Parameters<typeof formatMetrics>[0]): EncodedReply {
  return { form: 'encoded', code: 200, content: formatMetrics(metrics), contentType: EXPOSITION_TYPE };
}
