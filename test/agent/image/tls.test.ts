import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, globalAgent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { fetched, setUp, temporaryFolder } from './setup.ts';

/** A certificate for 127.0.0.1 that nobody has signed but itself. */
async function makeCertificate(): Promise<{ key: Buffer; cert: Buffer }> {
  const folder = await temporaryFolder();
  const key = join(folder, 'key.pem');
  const cert = join(folder, 'cert.pem');
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  const name = ['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...curve, ...name, '-keyout', key, '-out', cert], {
    stdio: 'pipe',
  });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

test('https: an unknown certificate is refused, and so is being sent on to http', async () => {
  const { server, images } = await setUp();
  server.files.set('/a', { content: Buffer.alloc(600) });
  const certificate = await makeCertificate();
  const secure = createServer(certificate, (request, response) => {
    if (request.url === '/there') response.end(Buffer.alloc(600));
    else response.writeHead(302, { location: server.url('/a') }).end();
  }).listen(0, '127.0.0.1');
  await once(secure, 'listening');
  onTestFinished(() => {
    secure.closeAllConnections();
    secure.close();
  });
  const url = (path: string) => `https://127.0.0.1:${(secure.address() as AddressInfo).port}${path}`;
  const status = await fetched(images, { url: url('/there') });
  expect(status).toMatchObject({ state: 'failed', code: 'Unreachable' });
  expect((status as { message: string }).message).toContain('self-signed');

  globalAgent.options.ca = certificate.cert;
  onTestFinished(() => void delete globalAgent.options.ca);
  expect(await fetched(images, { url: url('/elsewhere') })).toMatchObject({ code: 'BadRedirect' });
  expect(server.requests).toEqual([]);
});
