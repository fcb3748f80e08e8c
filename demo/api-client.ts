import type { Device } from '../shared/model/device.ts';
import type { VirtualMachineInstance } from '../shared/model/virtual-machine-instance.ts';
import type { VirtualMachine } from '../shared/model/virtual-machine.ts';
import { DEVICE, MACHINE, NAMESPACE } from './manifest.ts';

const DEADLINE_MS = 10_000;

/** What the demo asks of the hub's API, with nothing but fetch. */
export interface ApiClient {
  /** Creates the machine, or brings it up to the manifest. */
  apply(manifest: object): Promise<void>;
  /** Sets it to Halted; false where there is no machine. */
  halt(): Promise<boolean>;
  /** True once the agent has connected. */
  deviceConnected(): Promise<true | undefined>;
  machine(): Promise<VirtualMachine>;
  /** Undefined where the machine has no run. */
  instance(): Promise<VirtualMachineInstance | undefined>;
}

/** @param token by which the hub knows who asks */
export function createApiClient(address: string, token: string): ApiClient {
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
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': type }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
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
    async halt() {
      if ((await call('GET', machineUrl)).status === 404) return false;
      await patch({ spec: { runStrategy: 'Halted' } });
      return true;
    },
    async apply(manifest) {
      const found = await call('GET', machineUrl);
      if (found.status === 404) await succeed(await call('POST', `${collection}/virtualmachines`, manifest));
      else await patch(manifest);
    },
    async deviceConnected() {
      const response = await call('GET', `http://${address}/apis/holdfast.dev/v1alpha1/devices/${DEVICE}`);
      const { status } = (await succeed(response)) as Device;
      return status?.conditions?.some(({ type, status: is }) => type === 'Connected' && is === 'True') ===
        true
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
