import { messageOf } from '../../shared/base/errors.ts';
import { http } from '../../shared/host/http.ts';
import type { Log } from '../../shared/ports.ts';
import type { MachineFigures } from '../figures-port.ts';
import { EXPOSITION_TYPE, formatMetrics } from '../../shared/base/exposition.ts';
import { compileMachineMetrics } from './machine-metrics.ts';

export interface MetricsServer {
  /** `HOST:PORT`; undefined where nobody listens. */
  readonly address: string | undefined;
  close(): Promise<void>;
}

interface MetricsOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly device: string;
  readonly measure: () => Promise<readonly MachineFigures[]>;
  readonly log: Log;
}

/**
 * Serves `GET /metrics` for Prometheus. Whoever asks while an answer is being made gets that one: machines are not
 * asked more often because there are more who want to know. That it can't listen is no reason not to run machines.
 */
export async function serveMetrics({ listen, device, measure, log }: MetricsOptions): Promise<MetricsServer> {
  let making: Promise<string> | undefined;
  const make = (): Promise<string> => {
    making ??= measure()
      .then((machines) => formatMetrics(compileMachineMetrics(device, machines)))
      .finally(() => {
        making = undefined;
      });
    return making;
  };
  const server = http.createServer((request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404).end('only /metrics is here\n');
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    make().then(
      (text) => response.writeHead(200, { 'content-type': EXPOSITION_TYPE }).end(text),
      (error: unknown) => {
        log.warn({ error: messageOf(error) }, 'metrics could not be made');
        response.writeHead(500).end();
      },
    );
  });
  const address = await new Promise<string | undefined>((resolve) => {
    server.once('error', (error) => {
      log.warn({ ...listen, error: messageOf(error) }, 'metrics are not served');
      resolve(undefined);
    });
    server.listen(listen.port, listen.host, () => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? `${listen.host}:${bound.port}` : undefined);
    });
  });
  return {
    address,
    close: async () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
