import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { whyNoNetwork } from '../tools/namespace.ts';
import { waitFor } from '../tools/wait-for.ts';
import { CLEAR, DEAD } from '../tools/weather.ts';
import type { Wire } from '../tools/wire.ts';
import type { FarBox, FarWorld } from './far-boxes.ts';
import { createFarWorld } from './far-boxes.ts';
import { compileIdleMachine } from './idle-machine.ts';

const KEEPALIVE_SECONDS = 5;
/** MQTT 3.1.1, section 3.1.2.10: a broker waits for one and a half keepalives; the hub then has it to write down. */
const HUB_LIMIT_MS = 1_500 * KEEPALIVE_SECONDS + 5_000;
/** A client pings after a keepalive of silence and gives the answer as long again. */
const BOX_LIMIT_MS = 2_000 * KEEPALIVE_SECONDS + 5_000;
/** The longest pause before another try, and TCP's own on a link that was dead. */
const BACK_LIMIT_MS = 60_000;

/** Packets vanish and no connection is ended: nobody is told that anything is wrong. */
const CUTS: Readonly<Record<string, (wire: Wire) => void>> = {
  'both-ways': (wire) => wire.setWeather(DEAD),
  'to-the-hub': (wire) => wire.there.setWeather(DEAD),
  'to-the-box': (wire) => wire.back.setWeather(DEAD),
};

const reason = whyNoNetwork();

describe.skipIf(reason !== undefined)(`a link that is dead and does not say so ${reason ?? ''}`, () => {
  let far: FarWorld;
  const boxes: Record<string, FarBox> = {};

  beforeAll(async () => {
    far = await createFarWorld(1);
    for (const name of Object.keys(CUTS)) {
      boxes[name] = await far.addBox(name, ['--keepalive', String(KEEPALIVE_SECONDS)]);
      for (const machine of [`steady-${name}`, `spare-${name}`])
        await far.world.apply(compileIdleMachine(machine, name));
    }
    for (const name of Object.keys(CUTS)) {
      await far.world.untilStatus(`steady-${name}`, 'Running');
      await far.world.untilStatus(`spare-${name}`, 'Running');
    }
  });
  afterAll(() => far.close());

  test.concurrent.each(Object.entries(CUTS))(
    '%s: both ends notice, and go on where they were',
    async (name, cut) => {
      const box = boxes[name];
      if (box === undefined) throw new Error(`there is no box ${name}`);
      const [steady, spare] = [`steady-${name}`, `spare-${name}`];
      const running = await box.process(steady);
      const linkIs = async (state: string) => (await box.door.status()).link.state === state;

      cut(box.wire);
      await Promise.all([
        waitFor('the hub to notice', async () => (await box.connected()) === 'False', HUB_LIMIT_MS),
        waitFor('the box to notice', async () => linkIs('down'), BOX_LIMIT_MS),
      ]);
      expect((await far.world.machine(steady)).status?.printableStatus).toBe('Unknown');

      await box.door.order('stop', spare, 'nobody answers');
      const patch = '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":77}}}}';
      await far.world.kubectl('patch', 'vm', steady, '--type', 'merge', '-p', patch);
      await waitFor('the stop', async () => (await box.localState(spare)) === 'Stopped');

      box.wire.setWeather(CLEAR);
      await waitFor('the link', async () => linkIs('up'), BACK_LIMIT_MS);
      await waitFor('the hub to know', async () => (await box.connected()) === 'True', BACK_LIMIT_MS);
      await waitFor(
        'the edit',
        () => box.held(steady)?.spec.terminationGracePeriodSeconds === 77,
        BACK_LIMIT_MS,
      );
      await far.world.untilStatus(spare, 'Stopped', BACK_LIMIT_MS);
      await far.world.untilStatus(steady, 'Running', BACK_LIMIT_MS);
      await box.untilToldAll(BACK_LIMIT_MS);
      expect(await box.process(steady)).toBe(running);
    },
  );
});
