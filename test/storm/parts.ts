import { createLocalClient } from '../../agent/local/client.ts';
import type { World } from '../e2e/world.ts';
import { waitFor } from '../tools/wait-for.ts';
import { createMosquitto } from './mosquitto.ts';

/** A process of the fleet that can be killed and started again at any time. */
export interface Part {
  readonly name: 'broker' | 'hub' | 'agent';
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
}

export const BROKERS = ['embedded', 'mosquitto'] as const;
export type BrokerName = (typeof BROKERS)[number];

/** In the order in which they are first started: each needs the address of the one before. */
export async function createParts(
  world: World,
  device: string,
  broker: BrokerName,
  kernels: string,
): Promise<Part[]> {
  const mosquitto = broker === 'mosquitto' ? await createMosquitto(world.folder) : undefined;
  const hubFlags = mosquitto === undefined ? [] : ['--broker', mosquitto.url];
  const agentFlags = ['--local-images', kernels, '--keepalive', '20'];
  const door = createLocalClient(world.agentDir(device));
  const hub: Part = {
    name: 'hub',
    kill: () => world.end('hub', 'SIGKILL'),
    start: () => world.startHub(hubFlags),
  };
  const agent: Part = {
    name: 'agent',
    kill: () => world.end(device, 'SIGKILL'),
    async start() {
      world.startAgent(device, agentFlags);
      await waitFor('the agent', async () => door.status());
    },
  };
  if (mosquitto === undefined) return [hub, agent];
  return [{ name: 'broker', kill: () => mosquitto.kill(), start: async () => mosquitto.start() }, hub, agent];
}
