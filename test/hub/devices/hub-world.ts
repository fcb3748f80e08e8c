import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect } from 'vitest';
import { createApi } from '../../../hub/api/api.ts';
import { compileKubeconfig } from '../../../hub/api/kubeconfig.ts';
import { createEmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import type { DeviceTimeline } from '../../../hub/api/subresources/timeline.ts';
import type { Hub } from '../../../hub/hub.ts';
import { createHub } from '../../../hub/hub.ts';
import type { Store } from '../../../hub/ports.ts';
import { createStore } from '../../../hub/store/store.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createRandom } from '../../../shared/host/random.ts';
import type { Device } from '../../../shared/model/device.ts';
import type { Event } from '../../../shared/model/event.ts';
import type { VirtualMachineInstance } from '../../../shared/model/virtual-machine-instance.ts';
import type { VirtualMachine } from '../../../shared/model/virtual-machine.ts';
import { ANYONE, anyoneIsAdmin } from '../../tools/admin.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import type { DeviceOptions, ScriptedDevice } from './scripted-device.ts';
import { connectDevice } from './scripted-device.ts';

export type HubWorld = Awaited<ReturnType<typeof startHub>>;

const KUBEVIRT = '/apis/kubevirt.io/v1/namespaces/default';

/** Polls until it is so. */
export const poll = (look: () => unknown, timeout = 10_000) => expect.poll(look, { interval: 10, timeout });
/** How long until a hub that was started says that a device is not there, with much to spare. */
export const GRACE_MS = 60_000;

/** The whole hub: its API, reconciler and sessions over a store in a file and its own broker. */
export async function startHub() {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-hub-'));
  const log = createLogRecorder();
  const devices: ScriptedDevice[] = [];
  let files = 0;
  let path = join(folder, 'hub.db');
  let store: Store;
  let hub: Hub;
  let api = '';
  let mqtt = '';

  async function open(): Promise<void> {
    store = await createStore(path);
    const broker = createEmbeddedBroker({ host: '127.0.0.1', port: 0 }, log);
    const authenticate = anyoneIsAdmin;
    const ports = {
      store,
      broker,
      authenticate,
      serveApi: createApi,
      clock: createClock(),
      random: createRandom(),
      log,
    };
    const options = {
      version: '0.1.0',
      apiListen: { host: '127.0.0.1', port: 0 },
      eventRetentionMs: 3_600_000,
      timelineRetentionMs: 24 * 3_600_000,
    };
    hub = createHub(options, ports);
    ({ api, mqtt } = await hub.start());
  }

  async function close(): Promise<void> {
    await Promise.all(devices.splice(0).map((device) => device.cut()));
    await hub.stop();
  }

  async function call<T>(method: string, url: string, body?: object): Promise<T | undefined> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const response = await fetch(`http://${api}${url}`, {
      method,
      headers: { 'content-type': type },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as T & { message?: string };
    if (response.status === 404) return undefined;
    if (response.status >= 300) throw new Error(`${method} ${url}: ${response.status} ${answer.message}`);
    return answer;
  }

  await open();
  const world = {
    log,
    call,
    /** The path of a kubeconfig for the hub as it is now. */
    kubeconfig() {
      const file = join(folder, 'kubeconfig');
      writeFileSync(file, compileKubeconfig(api, ANYONE));
      return file;
    },
    get store() {
      return store;
    },
    async connect(options: Partial<DeviceOptions> = {}) {
      const device = await connectDevice(mqtt, options);
      devices.push(device);
      return device;
    },
    /** A device that has said hello and holds its first document. */
    async join(name = 'edge-1') {
      const device = await world.connect({ name });
      await device.hello();
      await device.takeDocument();
      return device;
    },
    create: async (manifest: { kind: string }) => {
      const created = await call<VirtualMachine>(
        'POST',
        `${KUBEVIRT}/${manifest.kind.toLowerCase()}s`,
        manifest,
      );
      return created?.metadata.uid ?? '';
    },
    patch: (name: string, patch: object) => call('PATCH', `${KUBEVIRT}/virtualmachines/${name}`, patch),
    delete: (name: string, kind = 'virtualmachine') => call('DELETE', `${KUBEVIRT}/${kind}s/${name}`),
    machine: (name: string) => call<VirtualMachine>('GET', `${KUBEVIRT}/virtualmachines/${name}`),
    instance: (name: string) =>
      call<VirtualMachineInstance>('GET', `${KUBEVIRT}/virtualmachineinstances/${name}`),
    device: (name: string) => call<Device>('GET', `/apis/holdfast.dev/v1alpha1/devices/${name}`),
    patchDevice: (name: string, patch: object) =>
      call('PATCH', `/apis/holdfast.dev/v1alpha1/devices/${name}`, patch),
    relabel: (name: string, labels: Record<string, string>) =>
      call('PATCH', `/apis/holdfast.dev/v1alpha1/devices/${name}`, { metadata: { labels } }),
    timeline: async (name: string) => {
      const url = `/apis/holdfast.dev/v1alpha1/devices/${name}/timeline`;
      return (await call<DeviceTimeline>('GET', url))?.items ?? [];
    },
    /** The device's condition of a type, as `status: message`. */
    async condition(name: string, type: string) {
      const { status } = (await world.device(name)) ?? {};
      const found = status?.conditions?.find((one) => one.type === type);
      return found === undefined ? undefined : `${found.status}: ${found.message}`;
    },
    async ready(name: string) {
      const { status } = (await world.machine(name)) ?? {};
      const found = status?.conditions?.find(({ type }) => type === 'Ready');
      return found === undefined ? undefined : `${found.status}: ${found.message}`;
    },
    async printable(name: string) {
      return (await world.machine(name))?.status?.printableStatus;
    },
    async events() {
      const list = await call<{ items: Event[] }>('GET', '/api/v1/events');
      return list?.items ?? [];
    },
    /** Changes or looks at the store's file behind its back. */
    sql(text: string) {
      const file = new Sqlite(path);
      file.exec(text);
      file.close();
    },
    /** Looks something up in the store's file. */
    query(text: string): unknown[] {
      const file = new Sqlite(path, { readonly: true });
      try {
        return file.prepare(text).pluck().all();
      } finally {
        file.close();
      }
    },
    /** A copy of the store as it is now: what a backup has, or what a hub that was killed leaves. */
    snapshot() {
      files += 1;
      const copy = join(folder, `copy-${files}.db`);
      world.sql(`VACUUM INTO '${copy}'`);
      return copy;
    },
    /** Starts the hub anew, on a copy that was made of its store. */
    async restartOn(copy: string) {
      await close();
      path = copy;
      await open();
    },
    async close() {
      await close();
      rmSync(folder, { recursive: true });
    },
  };
  return world;
}
