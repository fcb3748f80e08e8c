import { setTimeout as sleep } from 'node:timers/promises';
import { formatMs } from '../figure.ts';
import type { FleetFigure } from './fleet-figure.ts';
import { KEEPALIVE_SECONDS } from './fleet-world.ts';
import { quantile } from './quantile.ts';

const NAME = 'frozen';
/** More than the sockets between hold, and hard to compress. */
const DOCUMENT_BYTES = 16 * 2 ** 20;
const OTHERS = { ratePerSecond: 200, durationMs: 20_000 };
const MOST_OTHERS = 200;
const FREEZE_AFTER_MS = 2_000;
const LIMIT_MS = 300_000;

/** A device stops reading its socket when it is sent much: what others see of it. */
export const frozenFigure: FleetFigure = {
  name: 'frozen',
  prose: 'one device that stops reading',
  async measure(world, report) {
    const { agents, hub, devices, names } = world;
    const load = { ...OTHERS, names: names.slice(0, MOST_OTHERS), limitMs: LIMIT_MS };
    await agents.ask('connectFreezable', {
      name: NAME,
      hub: world.broker.address,
      access: { url: world.broker.url, authority: world.broker.authority },
      keepaliveSeconds: KEEPALIVE_SECONDS,
      limitMs: LIMIT_MS,
    });

    // Once while it reads: what the sheer size of the document costs is not the freezing's doing.
    const stalls: Record<string, Float64Array> = {};
    for (const when of ['reading', 'frozen'] as const) {
      await world.untilQuiet();
      await agents.ask('clear');
      if (when === 'frozen') await agents.ask('freeze', NAME);
      const loading = agents.ask('load', load);
      await sleep(FREEZE_AFTER_MS);
      await hub.ask('changeMachines', { devices: [NAME], documentBytes: DOCUMENT_BYTES });
      stalls[when] = (await loading).reportMs;
      report.progress(
        `${when}: the longest that another device's event took is ${formatMs(quantile(stalls[when], 1))}`,
      );
    }
    for (const [when, reportMs] of Object.entries(stalls)) {
      report.row({
        figure: `one device ${when}: longest stall of another`,
        devices,
        amount: quantile(reportMs, 1) / 1000,
        unit: 's',
        ...(when === 'frozen' && { goal: '2.5', floor: '1.9 s (drain timeout of 2 s)' }),
        note: `a document of ${DOCUMENT_BYTES / 2 ** 20} MiB for it; ${load.names.length} others, p99 ${formatMs(quantile(reportMs, 0.99))}`,
      });
    }
    await agents.ask('remove', NAME);
    await world.untilQuiet();
  },
};
