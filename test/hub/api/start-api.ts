import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApi } from '../../../hub/api/api.ts';
import type { ApiOptions } from '../../../hub/api/context.ts';
import { compileKubeconfig } from '../../../hub/api/kubeconfig.ts';
import { createStore } from '../../../hub/store/store.ts';
import type { Store } from '../../../hub/ports.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createRandom } from '../../../shared/host/random.ts';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import type { ObjectMeta } from '../../../shared/model/metadata.ts';
import { KINDS } from '../../../shared/model/kinds.ts';
import type { Log } from '../../../shared/ports.ts';
import { ANYONE, anyoneIsAdmin } from '../../tools/admin.ts';

export interface Answered<Body = ApiBody> {
  readonly code: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** As much as tests look at of what the API answers with: objects, lists, tables and refusals. */
export interface ApiBody {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta & { readonly continue?: string; readonly remainingItemCount?: number };
  readonly spec: { readonly runStrategy?: string };
  readonly status: { readonly phase?: string; readonly printableStatus?: string };
  readonly items: readonly ApiBody[];
  readonly reason: string;
  readonly message: string;
  readonly details: {
    readonly kind?: string;
    readonly uid?: string;
    readonly causes: readonly {
      readonly field?: string;
      readonly reason: string;
      readonly message: string;
    }[];
  };
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly { readonly cells: readonly unknown[]; readonly object: ApiBody }[];
}

export interface TestApi {
  readonly store: Store;
  readonly address: string;
  readonly kubeconfigPath: string;
  /** What the API logged as errors. */
  readonly errors: readonly object[];
  call<Body = ApiBody>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answered<Body>>;
  close(): Promise<void>;
}

/** The real API on a free port, over a real store in a file of its own. */
export async function startApi(options: Partial<ApiOptions> = {}): Promise<TestApi> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-api-'));
  const errors: object[] = [];
  const silent = () => {};
  const log: Log = { debug: silent, info: silent, warn: silent, error: (fields) => errors.push(fields) };
  const store = await createStore(join(folder, 'hub.db'));
  const api = createApi({
    store,
    kinds: KINDS,
    clock: createClock(),
    random: createRandom(),
    log,
    version: '0.1.0',
    authenticate: anyoneIsAdmin,
    askDevice: () => Promise.reject(new Error('there is no device to be asked')),
    ...options,
  });
  const { address } = await api.listen({ host: '127.0.0.1', port: 0 });
  const kubeconfigPath = join(folder, 'kubeconfig');
  writeFileSync(kubeconfigPath, compileKubeconfig(address, ANYONE));

  return {
    store,
    address,
    kubeconfigPath,
    errors,
    async call<Body>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
      const response = await fetch(`http://${address}${path}`, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const type = response.headers.get('content-type') ?? '';
      const json = text !== '' && type.startsWith('application/json');
      const value: unknown = json ? JSON.parse(text) : text;
      return { code: response.status, headers: response.headers, body: value as Body };
    },
    async close() {
      await api.close();
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export const VMS = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines';
export const ALL_VMS = '/apis/kubevirt.io/v1/virtualmachines';
export const AS_TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
export const MERGE = { 'content-type': 'application/merge-patch+json' };

/** A machine that is as small as one can be. */
export function machine(name: string, metadata: object = {}): ResourceObject {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name, ...metadata },
    spec: {
      runStrategy: 'Halted',
      template: {
        spec: {
          domain: {
            memory: { guest: '128Mi' },
            devices: { disks: [{ name: 'root', disk: { bus: 'virtio' } }] },
          },
          volumes: [{ name: 'root', emptyDisk: { capacity: '1Gi' } }],
        },
      },
    },
  };
}
