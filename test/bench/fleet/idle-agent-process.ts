import Database from 'better-sqlite3';
import { createAgent } from '../../../agent/agent.ts';
import { createFacts } from '../../../agent/facts/facts.ts';
import { readIdentity } from '../../../agent/facts/identity.ts';
import { createImages } from '../../../agent/image/images.ts';
import { createMqttLink } from '../../../agent/link/mqtt-link.ts';
import { createMachines } from '../../../agent/qemu/machines.ts';
import { createStoreIn } from '../../../agent/store/store.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { readBootId } from '../../../shared/host/files.ts';
import { createLog } from '../../../shared/host/log.ts';
import { createRandom } from '../../../shared/host/random.ts';
import type { MqttAccess } from '../../../shared/host/mqtt-client.ts';
import type { Clock } from '../../../shared/ports.ts';
import { VERSION } from '../../../shared/version.ts';
import { serveCalls } from './calls.ts';
import { PLAIN_LIMITS } from '../../agent/image/plain-limits.ts';
import { createNoNetworks } from '../../tools/no-networks.ts';
import { NO_EQUIPMENT } from '../../tools/equipment.ts';

/** A whole agent without machines on a clock that runs fast, for what it says in a day to be counted in minutes. */
export type IdleAgentCalls = ReturnType<typeof createIdleAgentCalls>;

export interface IdleAgentStart {
  readonly dataDir: string;
  readonly name: string;
  readonly access: MqttAccess;
  /** By the fast clock. */
  readonly keepaliveSeconds: number;
  /** How many seconds pass for the agent in one. */
  readonly speed: number;
}

function createFastClock(speed: number): Clock {
  const clock = createClock();
  const [startMs, startMonotonicMs] = [clock.now(), clock.monotonic()];
  return {
    now: () => startMs + (clock.now() - startMs) * speed,
    monotonic: () => startMonotonicMs + (clock.monotonic() - startMonotonicMs) * speed,
    after: (delayMs, run) => clock.after(delayMs / speed, run),
    turn: () => clock.turn(),
  };
}

function createIdleAgentCalls() {
  return {
    start({ dataDir, name, access, keepaliveSeconds, speed }: IdleAgentStart) {
      const [clock, random, bootId] = [createFastClock(speed), createRandom(), readBootId()];
      const log = createLog('info', name);
      const agent = createAgent(
        { device: name, version: VERSION, bootId, equipment: NO_EQUIPMENT, identity: readIdentity() },
        {
          store: createStoreIn(new Database(':memory:'), name, random),
          link: createMqttLink(access, name, keepaliveSeconds / speed, createClock()),
          facts: createFacts({ dataDir, agentVersion: VERSION, nodeVersion: process.version, bootId, clock }),
          accelerator: { detect: async () => ({ accelerator: 'tcg', reason: 'not tried' }) },
          machines: createMachines({
            dataDir,
            forwardAddress: '127.0.0.1',
            localImages: dataDir,
            networks: createNoNetworks(),
            equipment: NO_EQUIPMENT,
            bootId,
            clock,
            log,
          }),
          probes: { run: async () => ({ ok: true, detail: 'not tried' }) },
          images: createImages({ ...PLAIN_LIMITS, dataDir, clock, random, log, reserveBytes: 0 }),
          clock,
          random,
          log,
        },
      );
      agent.start();
    },
  };
}

serveCalls(createIdleAgentCalls());
