import { setTimeout as sleep } from 'node:timers/promises';
import type { Device } from '../shared/model/device.ts';
import type { VirtualMachineInstance } from '../shared/model/virtual-machine-instance.ts';
import type { VirtualMachine } from '../shared/model/virtual-machine.ts';
import { DEVICE, MACHINE, NAMESPACE } from './manifest.ts';

const DEADLINE_MS = 10_000;

/** What the demo asks of the hub's API, with nothing but fetch. */
export interface ApiClient {
  /** Creates the machine, or brings it up to the manifest. */
  apply(manifest: object): Promise<void>;
  patch(patch: object): Promise<void>;
  /** True once the agent has connected. */
  deviceConnected(): Promise<true | undefined>;
  machine(): Promise<VirtualMachine>;
  /** Undefined where the machine has no run. */
  instance(): Promise<VirtualMachineInstance | undefined>;
}

export function createApiClient(address: string): ApiClient {
  const collection = `http://${address}/apis/kubevirt.io/v1/namespaces/${NAMESPACE}`;
  const machineUrl = `${collection}/virtualmachines/${MACHINE}`;

  async function call(
    method: string,
    url: string,
    body?: object,
    type = 'application/json',
  ): Promise<Response> {
    return fetch(url, {
      method,
      signal: AbortSignal.timeout(DEADLINE_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': type } }),
    });
  }

  async function succeed(response: Response): Promise<unknown> {
    const answer = (await response.json()) as { message?: string };
    if (!response.ok) throw new Error(answer.message ?? `the API answered ${response.status}`);
    return answer;
  }

  const patch = async (body: object) => {
    await succeed(await call('PATCH', machineUrl, body, 'application/merge-patch+json'));
  };

  return {
    patch,
    async apply(manifest) {
      const found = await call('GET', machineUrl);
      if (found.status === 404) await succeed(await call('POST', `${collection}/virtualmachines`, manifest));
      else await patch(manifest);
    },
    async deviceConnected() {
      const response = await call('GET', `http://${address}/apis/holdfast.dev/v1alpha1/devices/${DEVICE}`);
      const { status } = (await succeed(response)) as Device;
      return status?.conditions?.some(({ type, status: is }) => type === 'Connected' && is === 'True') === true
        ? true
        : undefined;
    },
    machine: async () => (await succeed(await call('GET', machineUrl))) as VirtualMachine,
    async instance() {
      const response = await call('GET', `${collection}/virtualmachineinstances/${MACHINE}`);
      return response.status === 404 ? undefined : ((await succeed(response)) as VirtualMachineInstance);
    },
  };
}

/**
 * Calls `look` until it gives something.
 * @throws Error once `limitMs` have passed, with what was waited for and the last thing that went wrong
 */
export async function waitFor<T>(
  what: string,
  limitMs: number,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const untilMs = Date.now() + limitMs;
  let problem = '';
  while (Date.now() < untilMs) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      problem = `: ${String(error)}`;
    }
    await sleep(200);
  }
  throw new Error(`${what} did not come within ${limitMs / 1000} s${problem}`);
}
