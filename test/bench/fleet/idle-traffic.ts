import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../../tools/wait-for.ts';
import { startRemote } from './calls.ts';
import { createIssuer } from './device-certificates.ts';
import type { LoneFigure } from './fleet-figure.ts';
import { createFleetWorld, KEEPALIVE_SECONDS } from './fleet-world.ts';
import type { IdleAgentCalls } from './idle-agent-process.ts';
import { readSocketTraffic } from './socket-traffic.ts';

/** A day in six minutes: MQTT counts its keepalive in whole seconds, so it can't be faster. */
const SPEED = 240;
const WINDOW_MS = 6 * 60_000;
/** After hello, and the first facts. */
const SETTLE_MS = 5_000;
const DAY_MS = 24 * 3_600_000;

/** What an idle box costs on its uplink: a whole agent without machines, on a clock that runs fast. */
export const idleTrafficFigure: LoneFigure = {
  name: 'traffic',
  prose: "an idle device's bytes on the wire",
  async measure(report, choice, open) {
    const world = await createFleetWorld(0, choice, open);
    const name = 'idle';
    const agent = startRemote<IdleAgentCalls>(
      join(import.meta.dirname, 'idle-agent-process.ts'),
      join(world.folder, 'idle.log'),
    );
    try {
      await world.startHub();
      const { url, authority } = world.broker;
      const access =
        authority === undefined
          ? { url }
          : { url, ca: authority.cert, ...createIssuer(authority.name, authority.key)(name) };
      await agent.ask('start', {
        dataDir: world.folder,
        name,
        access,
        keepaliveSeconds: KEEPALIVE_SECONDS,
        speed: SPEED,
      });
      await waitFor('its connection', () => readSocketTraffic(world.broker.address));
      await sleep(SETTLE_MS);
      const startedAtMs = performance.now();
      const before = readSocketTraffic(world.broker.address);
      report.progress(
        `connected, hello and facts said: ${before.wireBytes} bytes; now ${(WINDOW_MS * SPEED) / 3_600_000} hours at rest`,
      );
      await sleep(WINDOW_MS);
      const after = readSocketTraffic(world.broker.address);
      if (after.localAddress !== before.localAddress) throw new Error('the device connected again meanwhile');
      const days = ((performance.now() - startedAtMs) * SPEED) / DAY_MS;
      const perDay = (of: 'wireBytes' | 'carriedBytes' | 'segments') => (after[of] - before[of]) / days;
      const how = `keepalive ${KEEPALIVE_SECONDS} s, ${choice.tls ? 'mTLS' : 'plain'}; ${((days * DAY_MS) / 3_600_000).toFixed(1)} hours on a clock ${SPEED} times as fast, times ${(1 / days).toFixed(1)}`;
      report.row({
        figure: 'idle device: on the wire in a day',
        amount: perDay('wireBytes') / 1000,
        unit: 'KB',
        goal: '100 (TLS included)',
        floor: '73 (pings over TLS alone)',
        note: `${how}; ${Math.round(perDay('segments'))} TCP segments with 52 bytes of headers each, counted by the kernel`,
      });
      report.row({
        figure: 'idle device: carried by its socket in a day',
        amount: perDay('carriedBytes') / 1000,
        unit: 'KB',
        note: 'without TCP/IP headers',
      });
      report.row({
        figure: 'device: first connect, hello and facts',
        amount: before.wireBytes / 1000,
        unit: 'KB',
        note: 'on the wire, once',
      });
    } finally {
      await agent.end('SIGKILL');
      await world.close();
    }
  },
};
