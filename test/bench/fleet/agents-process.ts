import { setTimeout as sleep } from 'node:timers/promises';
import { createClock } from '../../../shared/host/clock.ts';
import { createLog } from '../../../shared/host/log.ts';
import { createRandom } from '../../../shared/host/random.ts';
import type { MqttAccess } from '../../../shared/host/mqtt-client.ts';
import type { Proxy } from '../../agent/link/frozen-proxy.ts';
import { startProxy } from '../../agent/link/frozen-proxy.ts';
import { waitFor } from '../../tools/wait-for.ts';
import { serveCalls } from './calls.ts';
import { createIssuer } from './device-certificates.ts';
import type { FleetDevice } from './device.ts';
import { createFleetDevice } from './device.ts';
import type { DeviceMarks } from './device-marks.ts';
import { createDeviceMarks } from './device-marks.ts';
import type { Load } from './event-load.ts';
import type { FleetAuthority } from './fleet-broker.ts';
import { runLoad } from './event-load.ts';

/** Many devices in one process, apart from the hub's. Times are milliseconds since 1970. */
export type AgentsCalls = ReturnType<typeof createAgentsCalls>;

/** So many connect for the first time at once: that is enrolment, and no storm. */
const IN_FLIGHT = 300;
const PAUSE_MS = 5;

interface Marked extends FleetDevice {
  readonly marks: DeviceMarks;
}

export interface FleetAccess {
  readonly url: string;
  readonly authority?: FleetAuthority | undefined;
}

interface Named {
  readonly names?: readonly string[];
}

function createAgentsCalls() {
  const [clock, random] = [createClock(), createRandom()];
  const log = createLog('warn', 'agents');
  const devices = new Map<string, Marked>();
  const proxies = new Map<string, Proxy>();

  /** All of the fleet are signed by one. */
  let issue: ReturnType<typeof createIssuer> | undefined;

  function compileAccess(name: string, { url, authority }: FleetAccess): MqttAccess {
    if (authority === undefined) return { url };
    issue ??= createIssuer(authority.name, authority.key);
    return { url, ca: authority.cert, ...issue(name) };
  }

  function add(name: string, given: FleetAccess, keepaliveSeconds: number): Marked {
    const access = compileAccess(name, given);
    const marks = createDeviceMarks();
    const device = createFleetDevice({
      name,
      access,
      keepaliveSeconds,
      clock,
      random,
      log,
      watch: marks.watch,
    });
    const marked = { ...device, marks };
    devices.set(name, marked);
    return marked;
  }

  const choose = ({ names }: Named): Marked[] =>
    names === undefined ? [...devices.values()] : names.flatMap((name) => devices.get(name) ?? []);

  function find(name: string): Marked {
    const device = devices.get(name);
    if (device === undefined) throw new Error(`there is no device ${name}`);
    return device;
  }

  /** The time that each device has for `mark`, once each has it. */
  async function untilEach(
    what: string,
    chosen: readonly Marked[],
    mark: (marks: DeviceMarks) => number | undefined,
    limitMs: number,
  ): Promise<number[]> {
    const times = () => chosen.flatMap(({ marks }) => mark(marks) ?? []);
    await waitFor(
      what,
      () => {
        const count = times().length;
        if (count === chosen.length) return true;
        throw new Error(`${count} of ${chosen.length}`);
      },
      limitMs,
    );
    return times();
  }

  /** By what the devices were told, not by their stores: to count those would hold up what is measured. */
  async function untilReported(chosen: readonly Marked[], events: number, limitMs: number): Promise<void> {
    await waitFor(
      'acknowledgements',
      () => {
        const done = chosen.reduce((count, { marks }) => count + marks.reportMs.length, 0);
        if (done >= events) return true;
        throw new Error(`${done} of ${events} events`);
      },
      limitMs,
    );
  }

  return {
    /** Adds devices and connects them, some at a time. */
    async connect(given: {
      names: readonly string[];
      access: FleetAccess;
      keepaliveSeconds: number;
      limitMs: number;
    }) {
      const startedAtMs = Date.now();
      const added: Marked[] = [];
      let up = 0;
      for (const name of given.names) {
        while (added.length - up >= IN_FLIGHT) {
          await sleep(PAUSE_MS);
          if (Date.now() - startedAtMs > given.limitMs) throw new Error(`${up} connected in time`);
          up = added.reduce((count, { marks }) => count + (marks.upAtMs === undefined ? 0 : 1), 0);
        }
        const device = add(name, given.access, given.keepaliveSeconds);
        added.push(device);
        device.start();
      }
      const upAtMs = await untilEach('links', added, ({ upAtMs: at }) => at, given.limitMs);
      return { tookMs: Math.max(...upAtMs) - startedAtMs };
    },

    /** Adds a device behind a proxy that can be frozen, and connects it. */
    async connectFreezable(given: {
      name: string;
      hub: string;
      access: FleetAccess;
      keepaliveSeconds: number;
      limitMs: number;
    }) {
      const proxy = await startProxy(given.hub);
      proxies.set(given.name, proxy);
      const device = add(
        given.name,
        { ...given.access, url: given.access.url.replace(given.hub, proxy.address) },
        given.keepaliveSeconds,
      );
      device.start();
      await untilEach('its link', [device], ({ upAtMs }) => upAtMs, given.limitMs);
    },
    freeze: (name: string) => proxies.get(name)?.freeze(),
    async remove(name: string) {
      await devices.get(name)?.stop();
      devices.delete(name);
      await proxies.get(name)?.close();
    },

    clear() {
      for (const { marks } of devices.values()) marks.clear();
    },
    up: () => choose({}).filter(({ marks }) => marks.isUp).length,
    async untilUp(given: { limitMs: number }) {
      const all = choose({});
      const upAtMs = await untilEach(
        'links',
        all,
        (marks) => (marks.isUp ? marks.upAtMs : undefined),
        given.limitMs,
      );
      return { upAtMs, failedAtMs: all.flatMap(({ marks }) => marks.failedAtMs) };
    },
    /** Once each holds a document that came after the marks were cleared, and the hub knows. */
    async untilHeld(given: Named & { limitMs: number }) {
      const chosen = choose(given);
      const acknowledgedAtMs = await untilEach(
        'documents',
        chosen,
        (marks) => marks.acknowledgedAtMs,
        given.limitMs,
      );
      const arrivedAtMs = chosen.flatMap(({ marks }) => marks.arrivedAtMs ?? []);
      const storedAtMs = chosen.flatMap(({ marks }) => marks.storedAtMs ?? []);
      return { arrivedAtMs, storedAtMs, acknowledgedAtMs };
    },

    /** Lets devices report, and resolves once the hub has acknowledged all of it. */
    async load(given: Named & Load & { limitMs: number }) {
      const chosen = choose(given);
      const { events, tookMs } = await runLoad(chosen, given);
      const endedAtMs = Date.now();
      await untilReported(chosen, events, given.limitMs);
      const drainedMs = Date.now() - endedAtMs;
      return {
        events,
        tookMs,
        drainedMs,
        reportMs: Float64Array.from(chosen.flatMap(({ marks }) => marks.reportMs)),
      };
    },

    /** Takes a device's link away and queues events on it. */
    async fill({ name, events }: { name: string; events: number }) {
      const device = find(name);
      await device.stop();
      device.store.transaction(() => {
        for (let event = 0; event < events; event += 1)
          device.report(`the link was down when this happened: ${event}`);
      });
    },
    /** Gives it its link back; resolves with how long its events take to drain. */
    async drain({ name, events, limitMs }: { name: string; events: number; limitMs: number }) {
      const device = find(name);
      device.marks.clear();
      const startedAtMs = Date.now();
      device.start();
      await untilReported([device], events, limitMs);
      return { tookMs: Date.now() - startedAtMs };
    },
  };
}

serveCalls(createAgentsCalls());
