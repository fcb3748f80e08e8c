import { describe, expect, test } from 'vitest';
import { hasMosquitto } from '../storm/mosquitto.ts';
import { BROKERS } from '../storm/parts.ts';
import { raiseStorm } from '../storm/storm.ts';
import { createWorld } from './world.ts';

/** `npm run storm` goes on for longer, and with other moments. */
const SECONDS = 30;
/** With those that are meddled with, ten. */
const MACHINES = { embedded: 5, mosquitto: 2 } as const;
const BUSY = 4;
const SEED = 42;
const LIMIT_MS = 300_000;
/** How often each thing has to have happened. */
const OFTEN = 2;

describe.each(BROKERS)('a storm of kill -9 with the broker %s', (broker) => {
  test.skipIf(broker === 'mosquitto' && !hasMosquitto())(
    'leaves nothing lost, doubled or restarted',
    async () => {
      const world = await createWorld();
      const lines: string[] = [];
      const progress = (line: string) => lines.push(line);
      try {
        const { counts, problems } = await raiseStorm({
          world,
          broker,
          seconds: SECONDS,
          machines: MACHINES[broker],
          busy: BUSY,
          seed: SEED,
          progress,
        });
        expect(problems, lines.join('; ')).toEqual([]);
        const happened = [
          'hub killed',
          'agent killed',
          'edits granted',
          'orders granted',
          'machines crashed',
        ];
        if (broker === 'mosquitto') happened.push('broker killed');
        for (const what of happened) expect(counts[what], what).toBeGreaterThanOrEqual(OFTEN);
      } finally {
        await world.close();
      }
    },
    LIMIT_MS,
  );
});
