import type { FastifyReply, FastifyRequest } from 'fastify';
import Fastify from 'fastify';
import { MAX_BODY_BYTES } from './body.ts';
import type { ApiContext, ApiOptions } from './context.ts';
import type { Status } from './errors.ts';
import { statusOf } from './errors.ts';
import { createKindSchemas } from './kind-schemas.ts';
import { ensureNamespaces } from './namespaces.ts';
import { createServe } from './serve.ts';
import { createUpgrades } from './upgrades.ts';
import type { WatchFeed } from './watch-feed.ts';
import { streamWatch } from './watch-stream.ts';

/** The hub's Kubernetes-style API over HTTP. */
export interface Api {
  /** Makes the first namespaces and listens; port 0 picks a free one. The address is `HOST:PORT`. */
  listen(options: { readonly host: string; readonly port: number }): Promise<{ readonly address: string }>;
  /** Ends watches and connections at once. */
  close(): Promise<void>;
}

/** How long a client may take to send a request. */
const REQUEST_TIMEOUT_MS = 60_000;

export function createApi(options: ApiOptions): Api {
  const context: ApiContext = { ...options, schemas: createKindSchemas() };
  const serve = createServe(context);
  const upgrades = createUpgrades(context);
  const feeds = new Set<WatchFeed>();
  const sendError = (error: unknown, reply: FastifyReply) => sendStatus(reply, statusOf(error, context.log));

  const server = Fastify({
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
    exposeHeadRoutes: false,
    frameworkErrors: (error, _request, reply: FastifyReply) => void sendError(error, reply),
  });
  // Verbs decide what a body may be: here it is bytes.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.setErrorHandler((error, _request, reply) => sendError(error, reply));

  async function answer(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    // Not by `new URL`, which would take a path that begins with two slashes for a host.
    const [pathname = '', ...search] = request.url.split('?');
    const given = await serve({
      method: request.method,
      pathname,
      query: new URLSearchParams(search.join('?')),
      accept: request.headers.accept ?? '',
      contentType: (request.headers['content-type'] ?? '').split(';', 1).join().trim().toLowerCase(),
      idempotencyKey: String(request.headers['idempotency-key'] ?? ''),
      body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
    });
    switch (given.form) {
      case 'json':
        if (given.warnings !== undefined && given.warnings.length > 0)
          reply.header('warning', given.warnings);
        return sendJson(reply, given.code, given.body, given.contentType);
      case 'text':
        await reply.type('text/plain').send(given.text);
        return;
      case 'stream':
        await reply.type(given.contentType).send(given.stream);
        return;
      case 'watch':
        feeds.add(given.feed);
        reply.hijack();
        await streamWatch(reply.raw, given.feed, given.view, context);
        feeds.delete(given.feed);
    }
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
      for (const feed of feeds) feed.close();
      await upgrades.close();
      await server.close();
    },
  };
}

async function sendJson(
  reply: FastifyReply,
  code: number,
  body: unknown,
  type = 'application/json',
): Promise<void> {
  // As bytes, so that Fastify adds no charset, which would not match what aggregated discovery is asked for by.
  await reply
    .code(code)
    .header('content-type', type)
    .send(Buffer.from(JSON.stringify(body)));
}

function sendStatus(reply: FastifyReply, status: Status): Promise<void> {
  return sendJson(reply, status.code, status);
}
