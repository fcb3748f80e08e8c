import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServerProcess } from '../contract/brokers/server-process.ts';
import { freePorts } from '../contract/brokers/world.ts';
import type { Certified } from './certificates.ts';
import type { ContainerImage } from './container-image.ts';

/** Debian's docker-registry at a port of loopback, with a folder of its own. */
export interface Registry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  push(repository: string, tag: string, image: ContainerImage): Promise<void>;
  /** Puts a manifest whose blobs are there. */
  pushManifest(repository: string, tag: string, manifest: ContainerImage['manifest']): Promise<void>;
  stop(): Promise<void>;
  /** After `stop`, with all that was pushed. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export const REGISTRY_LOGIN = { user: 'keeper', password: 'open sesame' };
/** The password above, as bcrypt has it. */
const HTPASSWD = `${REGISTRY_LOGIN.user}:$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n`;

interface RegistryOptions {
  /** Whether it lets nobody in without the login. */
  readonly closed?: boolean;
  readonly tls?: Certified;
}

export async function startRegistry({ closed = false, tls }: RegistryOptions = {}): Promise<Registry> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-registry-'));
  const [port = 0] = await freePorts(1);
  const host = `127.0.0.1:${port}`;
  const config = {
    version: '0.1',
    log: { level: 'warn' },
    storage: { filesystem: { rootdirectory: join(folder, 'store') } },
    http: {
      addr: host,
      ...(tls === undefined
        ? {}
        : { tls: { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') } }),
    },
    ...(closed ? { auth: { htpasswd: { realm: 'registry', path: join(folder, 'htpasswd') } } } : {}),
  };
  // JSON is YAML too.
  writeFileSync(join(folder, 'config.yml'), JSON.stringify(config));
  writeFileSync(join(folder, 'htpasswd'), HTPASSWD);
  if (tls !== undefined) {
    writeFileSync(join(folder, 'cert.pem'), tls.cert);
    writeFileSync(join(folder, 'key.pem'), tls.key);
  }
  const server = createServerProcess(['docker-registry', 'serve', join(folder, 'config.yml')], port);
  await server.run();

  async function send(method: string, path: string, body?: Buffer, type = 'application/octet-stream') {
    const { user, password } = REGISTRY_LOGIN;
    const headers = {
      'content-type': type,
      'content-length': body?.length ?? 0,
      ...(closed ? { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` } : {}),
    };
    const url = new URL(path, `${tls === undefined ? 'http' : 'https'}://${host}`);
    const options = { method, headers, rejectUnauthorized: false };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = tls === undefined ? requestHttp(url, options) : requestHttps(url, options);
      call.on('response', resolve).on('error', reject).end(body);
    });
    const text = (await answer.toArray()).join('');
    if ((answer.statusCode ?? 500) >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
    return answer.headers;
  }

  async function pushManifest(repository: string, tag: string, manifest: ContainerImage['manifest']) {
    await send('PUT', `/v2/${repository}/manifests/${tag}`, manifest.content, manifest.mediaType);
  }

  return {
    host,
    async push(repository, tag, { manifest, blobs }) {
      for (const { digest, content } of blobs) {
        const { location = '' } = await send('POST', `/v2/${repository}/blobs/uploads/`);
        const place = new URL(location, 'http://registry');
        place.searchParams.set('digest', digest);
        await send('PUT', `${place.pathname}${place.search}`, content);
      }
      await pushManifest(repository, tag, manifest);
    },
    pushManifest,
    stop: async () => server.kill(),
    start: async () => server.run(),
    async close() {
      await server.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
