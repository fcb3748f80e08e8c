import { createHash } from 'node:crypto';
import { EXPOSITION_TYPE, formatMetrics } from '../../../shared/base/exposition.ts';
import { parseAccept, parseAcceptedType } from '../accept.ts';
import type { EncodedReply, Reply } from '../answer.ts';
import { jsonReply } from '../answer.ts';
import type { ApiContext } from '../context.ts';
import {
  aggregatedTypeOf,
  compileAggregatedDiscovery,
  compileApiVersions,
  compileGroup,
  compileGroupList,
  compileResourceList,
} from './discovery.ts';
import { pathNotFound } from '../errors.ts';
import type { OpenApi } from './openapi.ts';
import { createOpenApi } from './openapi.ts';
import { encodeOpenApiV2 } from './openapi-v2-protobuf.ts';
import { compileOpenApiV2 } from './openapi-v2.ts';
import type { RawRequest } from '../serve.ts';
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
  const serveOpenApiV2 = createServeOpenApiV2(openApi);
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
    if (first === 'openapi' && second === 'v2' && third === undefined) return serveOpenApiV2(asked);
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

const JSON_TYPE = 'application/json';
const PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** What clients ask for; that this is no media type by the letter is why it is answered under another name. */
const OLD_PROTOBUF = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

/** Made when it is first asked for, in each form. */
function createServeOpenApiV2(openApi: OpenApi): (asked: Asked) => Reply {
  const made = new Map<string, { readonly content: Uint8Array; readonly etag: string }>();
  return (asked) => {
    const accepted = parseAcceptedType(asked.accept, [JSON_TYPE, OLD_PROTOBUF, PROTOBUF]);
    const contentType = accepted === OLD_PROTOBUF ? PROTOBUF : accepted;
    const known = made.get(contentType);
    if (known !== undefined) return tagged(known.content, contentType, asked, known.etag);
    const document = compileOpenApiV2(openApi);
    const content =
      contentType === PROTOBUF ? encodeOpenApiV2(document) : Buffer.from(JSON.stringify(document));
    const etag = tagOf(content);
    made.set(contentType, { content, etag });
    return tagged(content, contentType, asked, etag);
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
function tagged(
  content: string | Uint8Array,
  contentType: string,
  { knownTag = '' }: Asked,
  etag = tagOf(content),
): EncodedReply {
  const headers = { etag, vary: 'Accept', 'cache-control': 'public' };
  const isKnown = knownTag.split(',').some((tag) => tag.trim() === etag);
  if (isKnown) return { form: 'encoded', code: 304, content: '', contentType, headers };
  return { form: 'encoded', code: 200, content, contentType, headers };
}

function tagOf(content: string | Uint8Array): string {
  return `"${createHash('sha256').update(content).digest('hex').toUpperCase()}"`;
}

/** `/metrics`, as Prometheus reads it. */
export function metricsReply(metrics: Parameters<typeof formatMetrics>[0]): EncodedReply {
  return { form: 'encoded', code: 200, content: formatMetrics(metrics), contentType: EXPOSITION_TYPE };
}
