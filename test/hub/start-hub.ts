import { createApi } from '../../hub/api/api.ts';
import type { HubPorts } from '../../hub/hub.ts';
import { createHub } from '../../hub/hub.ts';
import type { Broker, BrokerWatch, DeviceRow, Store } from '../../hub/ports.ts';
import { createStore } from '../../hub/store/store.ts';
import { createRandom } from '../../shared/host/random.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { DesiredMachine, MachineState, MachineStatus } from '../../shared/model/machine.ts';
import type { ObjectMeta } from '../../shared/model/metadata.ts';
import type { DesiredDocument } from '../../shared/protocol/desired.ts';
import { createDesiredAssembler, parseDesired } from '../../shared/protocol/desired.ts';
import type { HelloMessage } from '../../shared/protocol/messages.ts';
import { decodeMessage, desiredMessage, encodeMessage } from '../../shared/protocol/messages.ts';
import type { DeviceChannel, HubChannel } from '../../shared/protocol/topics.ts';
import { anyoneIsAdmin } from '../tools/admin.ts';
import { createLogRecorder } from '../shared/log-recorder.ts';
import type { LogRecorder } from '../shared/log-recorder.ts';
import { createManualClock } from '../shared/manual-clock.ts';
import type { ManualClock } from '../shared/manual-clock.ts';

/** As much of what the API answers with as these tests look at. */
export interface HubBody extends ResourceObject {
  readonly metadata: ObjectMeta;
  readonly status?: {
    readonly printableStatus?: string;
    readonly phase?: string;
    readonly facts?: object;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
    }[];
  };
  readonly reason: string;
  readonly message: string;
  readonly items: readonly HubBody[];
}

export interface Sent {
  readonly device: string;
  readonly channel: HubChannel;
  readonly payload: Uint8Array;
}

export interface TestHub {
  /** Of the API, as HOST:PORT. */
  readonly address: string;
  readonly store: Store;
  readonly clock: ManualClock;
  readonly log: LogRecorder;
  /** What was published to devices. */
  readonly sent: Sent[];
  /** What the broker tells the hub of itself. */
  readonly broker: BrokerWatch;
  call<Body = HubBody>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ code: number; body: Body; warning: string | null }>;
  say(device: string, channel: DeviceChannel, message: object): void;
  stop(): Promise<void>;
}

/** The whole hub over a real store, with a broker that tests speak through and a clock that they move. */
export async function startHub({ tunnel }: Pick<HubPorts, 'tunnel'> = {}): Promise<TestHub> {
  const store = await createStore(':memory:');
  const clock = createManualClock();
  const log = createLogRecorder();
  const sent: Sent[] = [];
  let receive: Parameters<Broker['start']>[0] = () => {};
  let watch: BrokerWatch | undefined;
  const broker: Broker = {
    async start(listener, told) {
      receive = listener;
      watch = told;
      return { address: 'none' };
    },
    async publish(device, channel, payload) {
      sent.push({ device, channel, payload });
    },
    async stop() {},
  };
  const hub = createHub(
    {
      version: '0.1.0',
      apiListen: { host: '127.0.0.1', port: 0 },
      eventRetentionMs: 3_600_000,
      timelineRetentionMs: 24 * 3_600_000,
    },
    {
      store,
      broker,
      serveApi: createApi,
      authenticate: anyoneIsAdmin,
      ...(tunnel !== undefined && { tunnel }),
      clock,
      random: createRandom(),
      log,
    },
  );
  const { api } = await hub.start();
  return {
    address: api,
    store,
    clock,
    log,
    sent,
    async call<Body>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const response = await fetch(`http://${api}${path}`, {
        method,
        headers: { 'content-type': type, ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const warning = response.headers.get('warning');
      return { code: response.status, body: (await response.json()) as Body, warning };
    },
    broker: {
      ready: () => watch?.ready(),
      lost: (reason) => watch?.lost(reason),
    },
    say: (device, channel, message) => receive(device, channel, encodeMessage(message)),
    stop: () => hub.stop(),
  };
}

export const DEVICES = '/apis/holdfast.dev/v1alpha1/devices';
export const VMIS = '/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances';
const SENT = { time: '2026-03-01T08:00:00.000Z', monotonicMs: 0, bootId: 'boot' };
export const EPOCH = '11111111-1111-4111-8111-111111111111';

export function hello(given: Partial<HelloMessage> = {}): HelloMessage {
  return {
    protocol: { min: 1, max: 1 },
    agentVersion: '0.1.0',
    epoch: EPOCH,
    connection: 1,
    generation: 0,
    hash: '',
    acknowledged: 0,
    next: 1_000_000,
    sent: SENT,
    box: { hostname: 'edge-1', addresses: [] },
    ...given,
  };
}

/** The highest report of a device that the hub has committed. */
export async function acknowledgedOf(store: Store, device: string): Promise<number | undefined> {
  const streams = await store.transaction((tables) => tables.streams.getMany([device]));
  return streams.find(({ epoch }) => epoch === EPOCH)?.acknowledged;
}

/** A device's row before it ever said anything. */
export const DEVICE_ROW: DeviceRow = {
  name: 'edge-1',
  epoch: EPOCH,
  connection: 1,
  protocol: 1,
  agentVersion: '0.1.0',
  presence: 'connected',
  presenceSinceMs: 0,
  generation: 0,
  desiredHash: '',
  heldGeneration: 0,
  problems: [],
  clockAheadMs: 0,
  untold: false,
  boots: [],
  returns: 0,
};

/** What a device tells that it holds: an entry of its desired document, as the hub once compiled it. */
export function entryOf(uid: string, name: string, change: Partial<DesiredMachine> = {}): DesiredMachine {
  return {
    uid,
    namespace: 'default',
    name,
    kind: 'VirtualMachine',
    generation: 1,
    runStrategy: 'Always',
    dataVolumes: [],
    spec: { domain: { memory: { guest: '128Mi' }, devices: {} } },
    ...change,
  };
}

/** One report, in a message of its own. */
export function report(sequence: number, body: object, happenedAt = '2026-03-01T08:00:00Z') {
  const reports = [{ sequence, happenedAt, monotonicMs: 0, bootId: 'boot', body }];
  return { epoch: EPOCH, connection: 1, sent: SENT, reports };
}

export function statusOf(uid: string, name: string, state: MachineState): MachineStatus {
  return {
    uid,
    namespace: 'default',
    name,
    kind: 'VirtualMachine',
    generation: 1,
    state,
    reason: state,
    message: `it is ${state}`,
    since: '2026-03-01T08:00:00Z',
    interfaces: [],
  };
}

/** The newest desired document that was sent to a device. */
export function desiredOf(sent: readonly Sent[], device: string): DesiredDocument | undefined {
  const assembler = createDesiredAssembler();
  let newest: DesiredDocument | undefined;
  for (const { channel, payload } of sent.filter((one) => one.device === device)) {
    const message = channel === 'desired' ? decodeMessage(desiredMessage, payload) : undefined;
    const text = message?.ok === true ? assembler.add(message.value) : undefined;
    const document = text?.ok === true ? parseDesired(text.value) : undefined;
    if (document?.ok === true) newest = document.value;
  }
  return newest;
}
