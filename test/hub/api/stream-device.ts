import type { Duplex } from 'node:stream';
import { PassThrough } from 'node:stream';
import { expect } from 'vitest';
import { createTunnel as createWayOut } from '../../../agent/tunnel/tunnel.ts';
import { createTunnel } from '../../../hub/tunnel/tunnel.ts';
import { createClock } from '../../../shared/host/clock.ts';
import type { MachineState } from '../../../shared/model/machine.ts';
import type { RequestBody } from '../../../shared/protocol/messages.ts';
import { decodeMessage, requestBody, requestMessage } from '../../../shared/protocol/messages.ts';
import { joinStreams } from '../../../shared/tunnel/join-streams.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import type { TestHub } from '../start-hub.ts';
import { hello, report, startHub, statusOf } from '../start-hub.ts';
import { machine } from './start-api.ts';

const VM = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines';

export type OpenStream = Extract<RequestBody, { verb: 'open-stream' }>;

/** A hub with streams, and a device of it that is played by the test: `edge-1`, with a machine `pos`. */
export interface StreamWorld {
  readonly hub: TestHub;
  readonly wayOut: ReturnType<typeof createWayOut>;
  /** What the device was asked to open. */
  readonly asked: OpenStream[];
  /** The machine's ends of what was echoed. */
  readonly ends: Duplex[];
  /** Makes the machine, and has the device say that it is in a state. */
  run(state: MachineState, devices?: object): Promise<void>;
  /** Answers the requests that have come so far, and those that come. */
  serve(answer: (id: string, body: OpenStream) => Promise<void>): void;
  /** Has the device echo what it is told. */
  echo(): void;
  stop(): Promise<void>;
}

export const poll = (look: () => unknown) => expect.poll(look, { interval: 5, timeout: 10_000 });

export async function startStreamWorld(): Promise<StreamWorld> {
  const clock = createClock();
  const hub = await startHub({ tunnel: createTunnel({ told: {}, clock, log: createLogRecorder() }) });
  const wayOut = createWayOut({ brokerHost: '127.0.0.1' }, clock);
  const [asked, ends]: [OpenStream[], Duplex[]] = [[], []];
  let timer: NodeJS.Timeout | undefined;

  const serve: StreamWorld['serve'] = (answer) => {
    let seen = 0;
    timer = setInterval(() => {
      const requests = hub.sent.filter(({ channel }) => channel === 'request');
      for (const { payload } of requests.slice(seen)) {
        const message = decodeMessage(requestMessage, payload);
        if (!message.ok) throw new Error('a request that no device can read');
        const body = requestBody.parse(message.value.body) as OpenStream;
        asked.push(body);
        void answer(message.value.id, body);
      }
      seen = requests.length;
    }, 5);
  };

  return {
    hub,
    wayOut,
    asked,
    ends,
    async run(state, devices = {}) {
      hub.say('edge-1', 'hello', hello());
      const given = machine('pos');
      const { template } = given.spec as { template: { spec: { domain: { devices: object } } } };
      Object.assign(template.spec.domain.devices, devices);
      const nodeSelector = { 'kubernetes.io/hostname': 'edge-1' };
      const spec = { runStrategy: 'Always', template: { spec: { ...template.spec, nodeSelector } } };
      const device = '/apis/holdfast.dev/v1alpha1/devices/edge-1';
      await poll(async () => (await hub.call('GET', device)).code).toBe(200);
      const { body } = await hub.call('POST', VM, { ...given, spec });
      const uid = body.metadata.uid ?? '';
      const row = async () => hub.store.transaction(({ machines }) => machines.get(uid));
      await poll(async () => (await row())?.device).toBe('edge-1');
      hub.say('edge-1', 'report', report(1, { kind: 'machine', status: statusOf(uid, 'pos', state) }));
      await poll(async () => (await hub.call('GET', `${VM}/pos`)).body.status?.printableStatus).toBe(state);
    },
    serve,
    echo() {
      serve(async (_id, { dial }) => {
        const wire = await wayOut.dial(dial);
        // It may fail before it is joined to it, and that is no failure here.
        const end = new PassThrough().on('error', () => {});
        ends.push(end);
        joinStreams(wire, end, clock);
      });
    },
    async stop() {
      clearInterval(timer);
      await hub.stop();
    },
  };
}
