import type { OutgoingHttpHeaders } from 'node:http';
import { request as requestHttp } from 'node:http';
import type { RequestOptions } from 'node:https';
import { request as requestHttps } from 'node:https';
import { env } from 'node:process';
import { buffer, text } from 'node:stream/consumers';
import { KubeConfig } from '@kubernetes/client-node';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import { startApi } from '../../hub/api/start-api.ts';
import { waitFor } from '../../tools/wait-for.ts';

/** An API server that both suites and people could mean: the hub, or the one that `TEST_KUBECONFIG` names. */
export interface ApiServer {
  /** The body is what was answered, and for a watch that is over all its events. */
  call(
    method: string,
    path: string,
    body?: unknown,
    contentType?: string,
    accept?: string,
  ): Promise<{ readonly code: number; readonly body: unknown; readonly warnings: string }>;
  /** The bytes of what is read, and how they are encoded, for a client that takes it so. */
  fetch(
    path: string,
    acceptEncoding: string,
  ): Promise<{ readonly encoding: string; readonly vary: string; readonly bytes: Buffer }>;
  close(): Promise<void>;
}

/** The servers that the suites are run against, and how each is come by. */
export const SERVERS: readonly (readonly [string, () => Promise<ApiServer>])[] = [
  ['the hub', startHub],
  ...(env['TEST_KUBECONFIG'] === undefined
    ? []
    : [['Kubernetes', () => connectKubernetes(env['TEST_KUBECONFIG'] ?? '')] as const]),
];

/** A server with a namespace for a suite's objects. */
export async function startWith(namespace: string, start: () => Promise<ApiServer>): Promise<ApiServer> {
  const server = await start();
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
  await server.call('POST', '/api/v1/namespaces', object);
  return server;
}

type Request = typeof requestHttp;

async function startHub(): Promise<ApiServer> {
  const api = await startApi();
  return {
    call: createCall(requestHttp, `http://${api.address}`, {}),
    fetch: createFetch(requestHttp, `http://${api.address}`, {}),
    close: () => api.close(),
  };
}

/** A real one; the kind that the hub has and Kubernetes has not is added to it. */
async function connectKubernetes(kubeconfigPath: string): Promise<ApiServer> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfigPath);
  const tls: RequestOptions = {};
  await config.applyToHTTPSOptions(tls);
  const server = config.getCurrentCluster()?.server ?? '';
  const call = createCall(requestHttps, server, tls);
  await call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', NETWORKS);
  await waitFor(`the kinds of ${GROUP}`, async () => (await call('GET', `/apis/${GROUP}/v1`)).code === 200);
  return { call, fetch: createFetch(requestHttps, server, tls), close: async () => {} };
}

/** A list's path with `watch`, or one of old. */
const WATCH = /s\?(.*&)?watch=|\/watch\//;

function createCall(request: Request, server: string, options: RequestOptions): ApiServer['call'] {
  return (method, path, body, contentType = 'application/json', accept = 'application/json') =>
    new Promise((resolve, reject) => {
      const known = options.headers as OutgoingHttpHeaders | undefined;
      const sentBody = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
      // Node frames a DELETE's body by its length alone.
      const length = Buffer.byteLength(sentBody);
      const headers = { ...known, 'content-type': contentType, 'content-length': length, accept };
      const sent = request(`${server}${path}`, { ...options, method, headers }, (response) => {
        text(response).then((said) => {
          const lines = said.trim().split('\n');
          const isWatch = WATCH.test(path) && response.statusCode === 200;
          resolve({
            code: response.statusCode ?? 0,
            body: isWatch ? lines.map((line) => JSON.parse(line) as unknown) : (JSON.parse(said) as unknown),
            warnings: String(response.headers['warning'] ?? ''),
          });
        }, reject);
      });
      sent.on('error', reject);
      sent.end(sentBody);
    });
}

function createFetch(request: Request, server: string, options: RequestOptions): ApiServer['fetch'] {
  return (path, acceptEncoding) =>
    new Promise((resolve, reject) => {
      const known = options.headers as OutgoingHttpHeaders | undefined;
      const headers = { ...known, accept: 'application/json', 'accept-encoding': acceptEncoding };
      const sent = request(`${server}${path}`, { ...options, headers }, (response) => {
        const { 'content-encoding': encoding = '', vary = '' } = response.headers;
        buffer(response).then((bytes) => resolve({ encoding, vary, bytes }), reject);
      });
      sent.on('error', reject);
      sent.end();
    });
}

const GROUP = 'k8s.cni.cncf.io';
/** As the network plumbing group publishes it. */
const NETWORKS = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `network-attachment-definitions.${GROUP}` },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: {
      plural: 'network-attachment-definitions',
      singular: 'network-attachment-definition',
      kind: 'NetworkAttachmentDefinition',
    },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', properties: { config: { type: 'string' } } } },
          },
        },
      },
    ],
  },
} satisfies ResourceObject;

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g;

/** A body without what no two servers have alike: uids, times and versions. */
export function normalise(body: unknown): unknown {
  const text = JSON.stringify(body, (name, value: unknown) => (name === 'resourceVersion' ? 'V' : value));
  return JSON.parse(text.replaceAll(UUID, 'UID').replaceAll(TIME, 'TIME')) as unknown;
}
