import { messageOf } from '../shared/base/errors.ts';
import type { Clock, Log, Random } from '../shared/ports.ts';
import type { AcceleratorProbe, Facts, Happening, Images, Link, Machines, Store } from './ports.ts';
import type { Box } from './plan/plan.ts';
import { createLoop } from './loop.ts';
import type { LocalDoor } from './local/door.ts';
import { createLocalDoor } from './local/door.ts';
import { createInbox } from './sync/inbox.ts';
import { createSession } from './sync/session.ts';

/** How often the box's own figures are reported. */
const FACTS_EVERY_MS = 60 * 60_000;
/** How often an accelerator is looked for where none was found. */
const PROBE_EVERY_MS = 60_000;

export interface AgentPorts {
  readonly store: Store;
  readonly machines: Machines;
  readonly images: Images;
  readonly link: Link;
  readonly facts: Facts;
  readonly accelerator: AcceleratorProbe;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface AgentOptions {
  readonly device: string;
  readonly version: string;
  readonly bootId: string;
}

export interface Agent {
  start(): void;
  /** What `holdfast status` and `holdfast vm` ask of the agent. */
  readonly door: LocalDoor;
  /** Lets go of everything; machines go on. */
  stop(): Promise<void>;
}

/** Puts the agent together: what comes in wakes the loop, and what the loop finds goes out. */
export function createAgent({ device, version, bootId }: AgentOptions, ports: AgentPorts): Agent {
  const { store, machines, images, clock, random, log } = ports;
  let box: Box = { bootId, probing: true, acceleratorReason: 'which accelerator works is being found out' };
  let cancelFacts = () => {};
  let cancelProbe = () => {};
  let stopped = false;

  const happening = (): Happening => ({ atMs: clock.now(), monotonicMs: clock.monotonic(), bootId });
  const loop = createLoop({ ports, box: () => box, happening, reported: () => session.wake() });
  const inbox = createInbox({ device, store, log, happening, stored: () => loop.wake() });
  const session = createSession({
    agentVersion: version,
    store,
    link: ports.link,
    inbox,
    clock,
    random,
    log,
  });

  async function findAccelerator(): Promise<void> {
    const { accelerator, reason } = await ports.accelerator.detect();
    box = { bootId, probing: false, acceleratorReason: reason, ...(accelerator && { accelerator }) };
    log.info({ accelerator, reason }, 'accelerator');
  }

  /** Finds the accelerator, and where there is none, looks again now and then: QEMU may be installed meanwhile. */
  async function keepFindingAccelerator(): Promise<void> {
    try {
      await findAccelerator();
    } catch (error) {
      const acceleratorReason = `no accelerator was found: ${messageOf(error)}`;
      box = { bootId, probing: false, acceleratorReason };
      log.error({ error: messageOf(error) }, 'finding the accelerator failed');
    }
    if (stopped) return;
    loop.wake();
    if (box.accelerator === undefined) {
      cancelProbe = clock.after(PROBE_EVERY_MS, () => void keepFindingAccelerator());
    }
  }

  async function reportFacts(): Promise<void> {
    const { accelerator, acceleratorReason } = box;
    const facts = {
      ...(await ports.facts.read()),
      acceleratorReason,
      ...(accelerator === undefined ? {} : { accelerator }),
    };
    if (stopped) return;
    store.putStatus('device', { kind: 'device', facts }, happening());
    session.wake();
  }

  function keepReportingFacts(): void {
    if (stopped) return;
    reportFacts().catch((error: unknown) =>
      log.warn({ error: messageOf(error) }, 'reading the facts of the box'),
    );
    cancelFacts = clock.after(FACTS_EVERY_MS, keepReportingFacts);
  }

  return {
    start() {
      machines.onChange(() => loop.wake());
      images.onChange(() => loop.wake());
      session.start();
      loop.wake();
      void keepFindingAccelerator().then(keepReportingFacts);
    },
    door: createLocalDoor({
      device,
      version,
      store,
      machines,
      clock,
      session,
      loop,
      happening,
    }),
    async stop() {
      stopped = true;
      cancelFacts();
      cancelProbe();
      await loop.stop();
      await session.stop();
      await images.close();
      await machines.close();
      store.close();
    },
  };
}
