import type { IncomingHttpHeaders } from 'node:http';
import { pipeline } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Reply } from '../answer.ts';
import { compress, createCompressor } from './compress.ts';

/** Of what proxies and clients must not answer with again. */
const NOT_KEPT = 'no-cache, private';

/** Sends what is no watch, compressed where it is long and the client takes that. */
export async function sendReply(
  asked: { readonly headers: IncomingHttpHeaders },
  reply: FastifyReply,
  given: Exclude<Reply, { readonly form: 'watch' }>,
): Promise<void> {
  const acceptEncoding = String(asked.headers['accept-encoding'] ?? '');
  const { contentType = 'application/json' } = given;
  reply.headers({ 'cache-control': NOT_KEPT, 'content-type': contentType });
  switch (given.form) {
    case 'stream':
      await reply.send(given.stream);
      return;
    case 'parts': {
      const compressor = createCompressor(acceptEncoding);
      if (compressor === undefined) {
        await reply.send(given.parts);
        return;
      }
      // Fastify hears of what goes wrong by the compressor, which is broken off then.
      pipeline(given.parts, compressor.stream, () => {});
      await reply.headers(compressor.headers).send(compressor.stream);
      return;
    }
    case 'encoded':
      reply.headers(given.headers ?? {});
      break;
    case 'json':
      if (given.warnings !== undefined && given.warnings.length > 0) reply.header('warning', given.warnings);
  }
  const content = given.form === 'encoded' ? given.content : JSON.stringify(given.body);
  // As bytes, so that Fastify adds no charset, which would not match what aggregated discovery is asked for by.
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const { body, headers } = await compress(bytes, acceptEncoding);
  await reply.code(given.code).headers(headers).send(body);
}
