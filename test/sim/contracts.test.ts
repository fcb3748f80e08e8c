import { createHash } from 'node:crypto';
import { afterEach, describe } from 'vitest';
import { createSimClock } from './sim-clock.ts';
import { createLife } from './life.ts';
import type { ImageFolder, ImageServer } from './sim-images.ts';
import { createSimImages } from './sim-images.ts';
import { createNetwork } from './network.ts';
import type { Scheduler } from './scheduler.ts';
import { createScheduler } from './scheduler.ts';
import { createSeededRandom } from './seeded-random.ts';
import { testClock } from '../contract/clock.ts';
import { testImages } from '../contract/images.ts';
import { testLink } from '../contract/link.ts';
import { UID, blankMachine, requestOf } from '../contract/machines-world.ts';
import { testMachines } from '../contract/machines.ts';
import { createBoxDisk } from './box-disk.ts';
import { createSimMachines } from './sim-machines.ts';

/** What a simulated world is made of does what the real parts do, as far as hub and agent rely on it. */

const noCrash = () => {};
const hands = () => ({ skewMs: 5_000, drift: 0.0002, bootedAtMs: 0 });
const timers = new Set<NodeJS.Timeout>();
afterEach(() => {
  for (const timer of timers) clearInterval(timer);
  timers.clear();
});

/** Lets virtual time pass while real time does: the suites wait by the latter. */
function keepGoing(scheduler: Scheduler): void {
  let isGoing = false;
  const timer = setInterval(() => {
    if (isGoing) return;
    isGoing = true;
    void scheduler.runUntil(scheduler.nowMs() + 50).then(() => (isGoing = false));
  }, 1);
  timers.add(timer);
}

describe('the simulated clock', () => {
  testClock(() => {
    const scheduler = createScheduler();
    const clock = createSimClock(scheduler, createLife(scheduler, 'one', noCrash), hands());
    const pass = (ms: number) => scheduler.runUntil(scheduler.nowMs() + ms + 2);
    return {
      pass,
      clock: {
        ...clock,
        // A turn is an event of the world, which has to go on for it to come.
        async turn() {
          const turned = clock.turn();
          void pass(0);
          await turned;
        },
      },
    };
  });
});

describe('simulated images', () => {
  testImages(async () => {
    const scheduler = createScheduler();
    keepGoing(scheduler);
    const server: ImageServer = { isUp: true, contents: new Map() };
    const folder: ImageFolder = { ready: new Map() };
    const sha256 = createHash('sha256').update('content').digest('hex');
    const open = () => {
      const life = createLife(scheduler, 'edge-1', noCrash);
      const clock = createSimClock(scheduler, life, hands());
      const random = createSeededRandom('images');
      return createSimImages({ server, folder, life, clock, random, fetchMs: [10, 50] });
    };
    return {
      images: open(),
      async offer() {
        server.contents.set('http://images.example/offered', sha256);
        return { url: 'http://images.example/offered', sha256 };
      },
      missing: () => 'http://images.example/missing',
      offerAt: async (url) => void server.contents.set(url, sha256),
      reopen: async () => open(),
    };
  });
});

describe('the simulated network', () => {
  testLink(async () => {
    const scheduler = createScheduler();
    keepGoing(scheduler);
    const heard: string[] = [];
    const network = createNetwork({
      scheduler,
      random: createSeededRandom('network'),
      devices: ['edge-1'],
      carried: () => {},
      count: () => {},
    });
    const broker = network.brokerOf(createLife(scheduler, 'hub', noCrash));
    await broker.start((_device, channel, payload) => {
      heard.push(`${channel} ${Buffer.from(payload).toString()}`);
    });
    return {
      link: network.linkOf('edge-1', createLife(scheduler, 'edge-1', noCrash)),
      heard,
      send: (channel, text) => broker.publish('edge-1', channel, Buffer.from(text)),
      cut: () => network.cut('edge-1'),
      async close() {
        network.stopBroker();
      },
    };
  });
});

describe('simulated machines', () => {
  testMachines(() => {
    const scheduler = createScheduler();
    keepGoing(scheduler);
    const watch = {
      starting: () => {},
      ending: () => {},
      removing: () => {},
      madeDisk: () => {},
      startFailed: () => {},
    };
    const disk = createBoxDisk(scheduler, createSeededRandom('box'), watch);
    return {
      uid: UID,
      disk: 'pos-blank',
      request: (run) => requestOf(blankMachine(), run),
      takeDisk: (uid, dataVolume) => void disk.machine(uid).disks.delete(dataVolume),
      open() {
        const life = createLife(scheduler, 'edge-1', noCrash);
        return createSimMachines({
          disk,
          life,
          clock: createSimClock(scheduler, life, hands()),
          bootId: 'boot-1',
        });
      },
    };
  });
});
