import { createClock } from '../../../shared/host/clock.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMqttLink } from '../../../agent/link/mqtt-link.ts';
import type { Happening, Store } from '../../../agent/ports.ts';
import { createStore } from '../../../agent/store/store.ts';
import { createInbox } from '../../../agent/sync/inbox.ts';
import type { Session } from '../../../agent/sync/session.ts';
import { createRequests } from '../../../agent/sync/requests.ts';
import { createSession } from '../../../agent/sync/session.ts';
import { tellAll } from '../../../agent/sync/tell-all.ts';
import { PROTOCOL } from '../../../shared/protocol/version.ts';
import { createRandom } from '../../../shared/host/random.ts';
import { HAPPENING, event } from '../../contract/agent-store.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import { createManualClock } from '../../shared/manual-clock.ts';

export type Device = ReturnType<typeof createDevice>;

/**
 * The device `edge-1` as far as its link goes: the real session, inbox, MQTT link and store, and a clock that
 * stands still. `start` again is the agent started again on the same box.
 */
export function createDevice() {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-session-'));
  const clock = createManualClock();
  const log = createLogRecorder();
  const random = createRandom();
  let store: Store = createStore(join(folder, 'agent.db'), random);
  let session: Session | undefined;
  let moment = HAPPENING;

  const device = {
    clock,
    log,
    /** What the box's clocks say from now on, and in which boot. */
    setMoment(now: Happening) {
      moment = now;
    },
    get store() {
      return store;
    },
    get link() {
      return session?.link();
    },
    start(url: string) {
      const happening = () => moment;
      const inbox = createInbox({ device: 'edge-1', store, log, happening, stored: () => {} });
      const link = createMqttLink(url, 'edge-1', 240, createClock());
      const requests = createRequests({
        store,
        clock,
        log,
        carryOut: ({ verb }) => `${verb} is done`,
        find: async () => ({}),
      });
      session = createSession({
        agentVersion: '1.2.3',
        protocol: PROTOCOL,
        box: { hostname: 'edge-1', addresses: [] },
        store,
        link,
        inbox,
        requests,
        clock,
        random,
        log,
        happening,
        tellAll: () => tellAll(store, happening()),
      });
      session.start();
    },
    /** Queues an event of each text and says that there is something to send. */
    report(...texts: string[]) {
      for (const text of texts) store.appendEvent(event(text), moment);
      session?.wake();
    },
    async stop() {
      const ending = session;
      session = undefined;
      await ending?.stop();
    },
    /** Closes the store and opens it again, as at an agent's start. */
    reopen() {
      store.close();
      store = createStore(join(folder, 'agent.db'), random);
    },
    async close() {
      await device.stop();
      store.close();
      rmSync(folder, { recursive: true });
    },
  };
  return device;
}
