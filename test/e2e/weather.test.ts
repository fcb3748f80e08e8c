import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { READY_LINE, compileSmallMachine } from '../bench/small-machine.ts';
import { whyNoNetwork } from '../tools/namespace.ts';
import { createSeededFractions } from '../tools/seeded-random.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { Weather } from '../tools/weather.ts';
import { CLEAR, DEAD } from '../tools/weather.ts';
import type { FarBox, FarWorld } from './far-boxes.ts';
import { createFarWorld } from './far-boxes.ts';
import { compileIdleMachine } from './idle-machine.ts';

const SEED = 20261;
/** In each direction, so that an answer takes twice the delay. */
const WEATHER: Readonly<Record<string, Weather | 'flapping'>> = {
  lossy: { lost: 0.3 },
  distant: { delayMs: 800 },
  narrow: { bitsPerSecond: 64_000 },
  flapping: 'flapping',
  worst: { lost: 0.3, delayMs: 800, bitsPerSecond: 64_000 },
};
/** TCP itself may take minutes for what has to pass here: this only has to be right once the weather is better. */
const HARDLY_PASSABLE = 'worst';
const FLAP_MS = { shortest: 1_000, longest: 4_000 };
/** Orders, crashes and edits come this often while the weather is bad. */
const ROUNDS = 5;
/** In one of them the agent is killed too, so that a link is made in this weather. */
const KILL_ROUND = 2;
/** What a machine that is added adds to the desired document; chance can't be compressed to less than this. */
const DOCUMENT_BYTES = 48 * 1024;
/** What is bad weather for the link is none for the box. */
const LOCAL_LIMIT_MS = 30_000;
/** The link may have to be made anew a few times, each with its deadline. */
const BAD_WEATHER_LIMIT_MS = 150_000;
/** The longest pause before another try, a connection, and what is sent then. */
const CALM_LIMIT_MS = 60_000;

const reason = whyNoNetwork();

describe.skipIf(reason !== undefined)(`bad weather ${reason ?? ''}`, () => {
  let far: FarWorld;
  const boxes: Record<string, FarBox> = {};

  beforeAll(async () => {
    far = await createFarWorld(SEED);
    for (const name of Object.keys(WEATHER)) {
      boxes[name] = await far.addBox(name, ['--keepalive', '20']);
      await far.world.apply(compileSmallMachine(`steady-${name}`, name, far.kernels));
      await far.world.apply(compileIdleMachine(`spare-${name}`, name));
    }
    for (const name of Object.keys(WEATHER)) {
      await far.world.untilStatus(`steady-${name}`, 'Running');
      await far.world.untilStatus(`spare-${name}`, 'Running');
      const { uid = '' } = (await far.world.machine(`steady-${name}`)).metadata;
      await waitFor(`the guest of ${name}`, () => far.world.console(name, uid).includes(READY_LINE));
    }
  });
  afterAll(() => far.close());

  test.concurrent.each(Object.entries(WEATHER))(
    '%s: all arrives, once and in order',
    async (name, weather) => {
      const box = boxes[name];
      if (box === undefined) throw new Error(`there is no box ${name}`);
      const [steady, spare, added] = [`steady-${name}`, `spare-${name}`, `added-${name}`];
      const [running, guest] = [await box.process(steady), await box.guest(steady)];
      const calm = startWeather(box, weather);

      let graceSeconds = 100;
      const untilArrived = async (limitMs: number) => {
        const isHeld = () => box.held(steady)?.spec.terminationGracePeriodSeconds === graceSeconds;
        await waitFor(`the edits at ${name}`, isHeld, limitMs);
        await untilState(box, spare, 'Stopped', limitMs);
        await untilState(box, added, 'Running', limitMs);
      };
      for (let round = 0; round < ROUNDS; round += 1) {
        await box.door.order('stop', spare, `round ${round}`);
        await untilState(box, spare, 'Stopped');
        await box.door.order('start', spare, `round ${round}`);
        await untilState(box, spare, 'Running');
        await box.crash(spare);
        graceSeconds += 1;
        await patch(far, steady, { template: { spec: { terminationGracePeriodSeconds: graceSeconds } } });
        if (round === KILL_ROUND) await box.restartAgent();
      }
      const userData = `#!/bin/sh\n# ${randomBytes(DOCUMENT_BYTES).toString('base64')}\n`;
      await far.world.apply(compileIdleMachine(added, name, userData));
      await patch(far, spare, { runStrategy: 'Halted' });

      if (name !== HARDLY_PASSABLE) {
        await untilArrived(BAD_WEATHER_LIMIT_MS);
        await box.untilToldAll(BAD_WEATHER_LIMIT_MS);
      }

      calm();
      await untilArrived(CALM_LIMIT_MS);
      await waitFor(`${name} connected`, async () => (await box.connected()) === 'True', CALM_LIMIT_MS);
      await far.world.untilStatus(spare, 'Stopped', CALM_LIMIT_MS);
      for (const machine of [steady, added]) await far.world.untilStatus(machine, 'Running', CALM_LIMIT_MS);
      await box.untilToldAll(CALM_LIMIT_MS);

      const { sent, lost } = box.wire.there.counts;
      expect(sent, 'packets').toBeGreaterThan(0);
      if (name !== 'distant' && name !== 'narrow') expect(lost, 'packets lost').toBeGreaterThan(0);
      expect(await box.process(steady)).toBe(running);
      const later = await box.guest(steady);
      expect(later.bootId).toBe(guest.bootId);
      expect(later.uptimeSeconds).toBeGreaterThan(guest.uptimeSeconds);
    },
  );
});

/** Gives a box's wire its weather; the result ends it. */
function startWeather({ wire }: FarBox, weather: Weather | 'flapping'): () => void {
  if (weather !== 'flapping') {
    wire.setWeather(weather);
    return () => wire.setWeather(CLEAR);
  }
  const fraction = createSeededFractions(SEED);
  let timer: NodeJS.Timeout;
  const flap = (isUp: boolean) => {
    wire.setWeather(isUp ? CLEAR : DEAD);
    const { shortest, longest } = FLAP_MS;
    timer = setTimeout(() => flap(!isUp), shortest + fraction() * (longest - shortest));
  };
  flap(false);
  return () => {
    clearTimeout(timer);
    wire.setWeather(CLEAR);
  };
}

async function untilState(
  box: FarBox,
  machine: string,
  state: string,
  limitMs = LOCAL_LIMIT_MS,
): Promise<void> {
  await waitFor(`${machine} ${state}`, async () => (await box.localState(machine)) === state, limitMs);
}

async function patch({ world }: FarWorld, machine: string, spec: object): Promise<void> {
  await world.kubectl('patch', 'vm', machine, '--type', 'merge', '-p', JSON.stringify({ spec }));
}
