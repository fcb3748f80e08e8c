import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Fastify from 'fastify';
import type { User } from '../auth/user.ts';
import type { Reply } from './answer.ts';
import { jsonReply } from './answer.ts';
import { MAX_BODY_BYTES } from './write/body.ts';
import type { ApiContext, ApiOptions } from './context.ts';
import { metricsReply } from './discovery/documents.ts';
import { ApiError, RETRY_AFTER_SECONDS, statusOf, unauthorized } from './errors.ts';
import { createApiFigures, readStoreFigures } from './http/figures.ts';
import { createFlowControl } from './http/flow-control.ts';
import type { HealthCheck } from './http/health.ts';
import { isHealthPath, serveHealth } from './http/health.ts';
import { createKindSchemas } from './discovery/kind-schemas.ts';
import { ensureNamespaces } from './namespaces.ts';
import { splitPath, withoutWatchPrefix } from './path.ts';
import { parseFlag } from './query.ts';
import type { RequestAttributes } from './http/request-attributes.ts';
import { readAttributes } from './http/request-attributes.ts';
import { sendReply } from './http/send-reply.ts';
import { createServe } from './serve.ts';
import { createUpgrades } from './http/upgrades.ts';
import { compileWarnings } from './warning.ts';
import { createEventEncoder } from './watch/watch-encoder.ts';
import type { WatchFeed } from './watch/watch-feed.ts';
import { streamWatch } from './watch/watch-stream.ts';

/** The hub's Kubernetes-style API over HTTP. */
export interface Api {
  /** Makes the first namespaces and listens; port 0 picks a free one. The address is `HOST:PORT`. */
  listen(options: { readonly host: string; readonly port: number }): Promise<{ readonly address: string }>;
  /** Ends watches, lets requests that are under way be answered, and closes connections. */
  close(): Promise<void>;
}

/** How long a client may take to send a request. */
const REQUEST_TIMEOUT_MS = 60_000;
/** How long a client may take to read a long list, as in Kubernetes. */
const ANSWER_TIMEOUT_MS = 60_000;
/** How long a connection may be silent before the other end is asked whether it is there. */
const KEEP_ALIVE_MS = 30_000;
/** How long requests that are under way have to be answered when the hub stops. */
const DRAIN_MS = 10_000;

export function createApi(options: ApiOptions): Api {
  const context: ApiContext = { ...options, schemas: createKindSchemas() };
  const { clock, log, store } = context;
  const serve = createServe(context);
  const upgrades = createUpgrades(context);
  const encode = createEventEncoder();
  const figures = createApiFigures();
  const flows = createFlowControl(clock);
  const feeds = new Set<WatchFeed>();
  let stopping = false;
  const checks: readonly HealthCheck[] = [
    { name: 'ping', of: 'livez', check: () => {} },
    {
      name: 'store',
      of: 'livez',
      check: async () => void (await store.transaction(({ objects }) => objects.resourceVersion())),
    },
    ...(options.checks ?? []),
    {
      name: 'shutdown',
      of: 'readyz',
      check() {
        if (stopping) throw new Error('the hub is stopping');
      },
    },
  ];
  async function sendError(error: unknown, reply: FastifyReply): Promise<void> {
    if (error instanceof ApiError && error.warnings.length > 0) {
      reply.header('warning', compileWarnings(error.warnings));
    }
    const status = statusOf(error, log);
    if (status.code === 429) reply.header('retry-after', String(RETRY_AFTER_SECONDS));
    await sendReply({ headers: {} }, reply, jsonReply(status, status.code));
  }

  const server = Fastify({
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: 'idle',
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Who follows a log or watches may be gone without a word, and long not be spoken to.
    http: { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
    exposeHeadRoutes: false,
    frameworkErrors: (error, _request, reply: FastifyReply) => void sendError(error, reply),
  });
  // Verbs decide what a body may be: here it is bytes.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.setErrorHandler((error, _request, reply) => sendError(error, reply));
  // A connection that is kept open after its answer would keep the hub from stopping.
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (stopping) void reply.header('connection', 'close');
    done(null, payload);
  });

  /** Everything that comes in is asked here who it is from; @throws ApiError 401 */
  function authenticate(request: FastifyRequest): User {
    const user = context.authenticate(request.headers.authorization ?? '');
    if (user === undefined) throw unauthorized();
    return user;
  }

  async function serveInTurn(
    request: FastifyRequest,
    user: User,
    pathname: string,
    query: URLSearchParams,
    attributes: RequestAttributes,
  ): Promise<Reply> {
    const asked = {
      method: request.method,
      user,
      pathname,
      query,
      accept: request.headers.accept ?? '',
      contentType: (request.headers['content-type'] ?? '').split(';', 1).join().trim().toLowerCase(),
      idempotencyKey: String(request.headers['idempotency-key'] ?? ''),
      userAgent: request.headers['user-agent'] ?? '',
      knownTag: request.headers['if-none-match'] ?? '',
      body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
    };
    if (pathname === '/metrics') {
      const stored = await readStoreFigures(context);
      return metricsReply([...figures.read(flows.figures()), ...stored, ...(options.figures?.() ?? [])]);
    }
    // What a device is asked may take long, and has bounds of its own.
    if (!['', 'status', 'scale'].includes(attributes.subresource)) return serve(asked);
    const agent = (request.headers['user-agent'] ?? '').split(' ', 1).join();
    const leave = await flows.enter(`${user.name} ${agent}`);
    try {
      const given = await serve(asked);
      if (given.form === 'parts') holdSeat(given.parts, leave);
      else leave();
      return given;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** An answer in parts is under way until its client has all of it, for which there is a time. */
  function holdSeat(parts: Readable, leave: () => void): void {
    const cut = clock.after(ANSWER_TIMEOUT_MS, () => parts.destroy());
    parts.once('close', () => {
      cut();
      leave();
    });
  }

  async function answer(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    // Not by `new URL`, which would take a path that begins with two slashes for a host.
    const [path = '', ...search] = request.url.split('?');
    const given = { pathname: path, query: new URLSearchParams(search.join('?')) };
    const { pathname, query } = request.method === 'GET' ? withoutWatchPrefix(given) : given;
    const isWatch = request.method === 'GET' && parseFlag(query, 'watch') === true;
    const attributes = readAttributes(context.kinds, request.method, pathname, isWatch);
    const startedMs = clock.monotonic();
    reply.raw.once('close', () => {
      figures.served(attributes, reply.raw.statusCode, (clock.monotonic() - startedMs) / 1000);
    });
    const segments = splitPath(pathname);
    if (isHealthPath(segments))
      return sendReply(request, reply, await serveHealth(checks, segments, query, log));
    const user = authenticate(request);
    const made = await serveInTurn(request, user, pathname, query, attributes).catch((error: unknown) => {
      if (error instanceof ApiError && error.status.code === 429) figures.rejected();
      throw error;
    });
    if (made.form !== 'watch') return sendReply(request, reply, made);
    feeds.add(made.feed);
    reply.hijack();
    const ended = figures.watching(attributes);
    const told = (bytes: number) => figures.told(attributes, bytes);
    await streamWatch(reply.raw, made.feed, { encode: (event) => encode(event, made.view), told }, context);
    ended();
    feeds.delete(made.feed);
  }

  server.server.on('upgrade', (request, socket, head) => upgrades.take(request, socket, head));
  server.all('/*', answer);
  server.setNotFoundHandler(answer);

  return {
    async listen({ host, port }) {
      await ensureNamespaces(context.store, context.clock, context.random);
      return { address: new URL(await server.listen({ host, port })).host };
    },
    async close() {
      stopping = true;
      for (const feed of feeds) feed.close();
      const cut = clock.after(DRAIN_MS, () => server.server.closeAllConnections());
      await upgrades.close();
      await server.close();
      cut();
    },
  };
}
