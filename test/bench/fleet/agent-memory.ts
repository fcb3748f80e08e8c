import { join } from 'node:path';
import { startService } from '../../tools/holdfast.ts';
import { formatMebibytes, formatRange } from '../figure.ts';
import { watchMemory } from '../resident-memory.ts';
import type { LoneFigure } from './fleet-figure.ts';
import { createFleetWorld } from './fleet-world.ts';

/** The memory of a real agent, `holdfast agent`, that is connected and has no machines. */
export const agentMemoryFigure: LoneFigure = {
  name: 'agent',
  prose: "an idle agent's memory",
  async measure(report, choice, open) {
    const world = await createFleetWorld(0, { ...choice, tls: false }, open);
    try {
      await world.startHub();
      const flags = {
        'data-dir': join(world.folder, 'agent'),
        name: 'idle',
        hub: world.broker.url,
        accel: 'tcg',
      };
      const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
      const agent = startService(['agent', ...args], join(world.folder, 'agent.log'));
      const closing = { close: () => agent.end('SIGTERM') };
      open.add(closing);
      try {
        const [memory] = await watchMemory([agent.pid]);
        if (memory === undefined) return;
        const range = formatRange([memory.lowestBytes, memory.highestBytes], formatMebibytes);
        report.row({
          figure: 'agent: RSS, connected, without machines',
          amount: memory.totalBytes / 2 ** 20,
          unit: 'MiB',
          goal: '81 (85 MB)',
          floor: '42 (bare Node), 81 with mqtt, TLS, SQLite and pino',
          note: `${formatMebibytes(memory.privateBytes)} of it private; ${memory.settled ? 'settled at' : 'not settled:'} ${range}`,
        });
      } finally {
        await closing.close();
        open.delete(closing);
      }
    } finally {
      await world.close();
    }
  },
};
