import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';

/** An API server that is measured: the hub, or a real Kubernetes for comparison. */
export interface Target {
  readonly name: string;
  /** Sends one request over one of `connections` kept open; resolves with the code and the size of what came. */
  call(
    method: string,
    path: string,
    body?: string,
  ): Promise<{ readonly code: number; readonly text: string }>;
  /** Opens a watch on a connection of its own; `line` is called with each event. The result ends it. */
  watch(path: string, line: (text: string) => void): Promise<() => void>;
  close(): void;
}

/** @throws Error where the kubeconfig leads nowhere */
export async function openTarget(name: string, kubeconfig: string, connections: number): Promise<Target> {
  const config = new KubeConfig();
  config.loadFromString(readFileSync(kubeconfig, 'utf8'));
  const server = new URL(config.getCurrentCluster()?.server ?? '');
  const credentials: https.RequestOptions = {};
  await config.applyToHTTPSOptions(credentials);
  const { agent: given, ...options } = credentials;
  const known = options.headers as http.OutgoingHttpHeaders | undefined;
  const isTls = server.protocol === 'https:';
  const tls = isTls && given instanceof https.Agent ? given.options : {};
  const settings = { ...tls, keepAlive: true, maxSockets: connections };
  const agent = isTls ? new https.Agent(settings) : new http.Agent(settings);
  const lone = isTls
    ? new https.Agent({ ...tls, maxSockets: Infinity })
    : new http.Agent({ maxSockets: Infinity });
  const { request } = isTls ? https : http;

  return {
    name,
    call(method, path, body) {
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const headers = { ...known, 'content-type': type };
      return new Promise((resolve, reject) => {
        const sent = request(new URL(path, server), { ...options, method, agent, headers }, (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.on('end', () =>
            resolve({ code: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }),
          );
          response.on('error', reject);
        });
        sent.on('error', reject);
        sent.end(body);
      });
    },
    watch(path, line) {
      return new Promise((resolve, reject) => {
        const sent = request(new URL(path, server), { ...options, agent: lone }, (response) => {
          let rest = '';
          response.setEncoding('utf8').on('data', (part: string) => {
            const lines = `${rest}${part}`.split('\n');
            rest = lines.pop() ?? '';
            lines.forEach(line);
          });
          // Ended by us.
          response.on('error', () => {});
          resolve(() => sent.destroy());
        });
        sent.on('error', reject);
        sent.end();
      });
    },
    close() {
      agent.destroy();
      lone.destroy();
    },
  };
}
