import type { RequestOptions } from 'node:https';
import { request } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import { startApi } from '../../hub/api/start-api.ts';

/** An API server that both suites and people could mean: the hub, or the one that `TEST_KUBECONFIG` names. */
export interface ApiServer {
  call(
    method: string,
    path: string,
    body?: unknown,
    contentType?: string,
  ): Promise<{ readonly code: number; readonly body: unknown; readonly warnings: string }>;
  close(): Promise<void>;
}

export async function startHub(): Promise<ApiServer> {
  const api = await startApi();
  return {
    async call(method, path, body, contentType = 'application/json') {
      const answer = await api.call<unknown>(method, path, body, { 'content-type': contentType });
      return { code: answer.code, body: answer.body, warnings: answer.headers.get('warning') ?? '' };
    },
    close: () => api.close(),
  };
}

/** A real one; the kind that the hub has and Kubernetes has not is added to it. */
export async function connectKubernetes(kubeconfigPath: string): Promise<ApiServer> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfigPath);
  const server = config.getCurrentCluster()?.server ?? '';
  const tls: RequestOptions = {};
  await config.applyToHTTPSOptions(tls);

  const call: ApiServer['call'] = (method, path, body, contentType = 'application/json') =>
    new Promise((resolve, reject) => {
      const headers = { ...(tls.headers as Record<string, string>), 'content-type': contentType };
      const sent = request(`${server}${path}`, { ...tls, method, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () =>
          resolve({
            code: response.statusCode ?? 0,
            body: JSON.parse(text) as unknown,
            warnings: String(response.headers['warning'] ?? ''),
          }),
        );
      });
      sent.on('error', reject);
      sent.end(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body));
    });

  await call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', NETWORKS);
  return { call, close: async () => {} };
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
