import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LocalClient } from '../../agent/local/client.ts';
import { createLocalClient } from '../../agent/local/client.ts';
import type { LocalMachine } from '../../agent/local/door.ts';
import { compileManifest } from '../e2e/manifest.ts';
import type { World } from '../e2e/world.ts';
import { GUEST_IMAGE, createWorld } from '../e2e/world.ts';
import { waitFor } from '../tools/wait-for.ts';

export const DEVICE = 'edge-1';

export interface BenchWorld {
  readonly world: World;
  /** The door of the box: asked directly, since a process for each question would be measured too. */
  readonly door: LocalClient;
  /** The broker's `HOST:PORT`. */
  readonly broker: string;
  /** Starts the agent, with further flags. */
  readonly startAgent: (more?: readonly string[]) => void;
  /** Waits until the link is up, the hub knows the device and has stored every report. */
  readonly untilQuiet: () => Promise<void>;
  /** The world's own takes what it expects from a test runner, and there is none here. */
  readonly kubectl: (args: readonly string[], stdin?: string) => Promise<void>;
  readonly apply: (manifest: object) => Promise<void>;
  /** Creates a machine that boots the guest from its disk, and is gone as soon as it is stopped. */
  readonly createMachine: (name: string) => Promise<void>;
  /** A machine as the door tells of it. */
  readonly find: (name: string) => Promise<LocalMachine | undefined>;
  /** Waits until a machine is in a state; throws with the one it is in instead. */
  readonly untilState: (name: string, state: string) => Promise<void>;
}

/** Worlds that are still there; an interrupted run has to close them. */
export type OpenWorlds = Set<Pick<World, 'close'>>;

/** Calls `use` with a hub that answers and a box whose agent is yet to be started, and ends all of it after. */
export async function withBenchWorld(
  open: OpenWorlds,
  use: (bench: BenchWorld) => Promise<void>,
): Promise<void> {
  const world = await createWorld();
  open.add(world);
  const door = createLocalClient(world.agentDir(DEVICE));

  const kubectl: BenchWorld['kubectl'] = async (args, stdin) => {
    const { code, stdout, stderr } = await world.tryKubectl(args, stdin);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}${stdout}`);
  };
  const apply: BenchWorld['apply'] = async (manifest) =>
    kubectl(['apply', '-f', '-'], JSON.stringify(manifest));
  const find: BenchWorld['find'] = async (name) => {
    const { machines } = await door.status();
    return machines.find((machine) => machine.name === name);
  };

  try {
    await world.startHub();
    const addresses = readFileSync(join(world.folder, 'hub/addresses.json'), 'utf8');
    await use({
      world,
      door,
      broker: (JSON.parse(addresses) as { mqtt: string }).mqtt,
      startAgent: (more = []) => world.startAgent(DEVICE, more),
      async untilQuiet() {
        await waitFor('a quiet link', async () => {
          const { link, outbox } = await door.status();
          return link.state === 'up' && outbox.pending === 0;
        });
      },
      kubectl,
      apply,
      createMachine: async (name) => {
        const image = { url: world.images.url(GUEST_IMAGE), checksum: world.checksum };
        await apply(compileManifest({ name, device: DEVICE, graceSeconds: 0, ...image }));
      },
      find,
      async untilState(name, state) {
        await waitFor(`${name} ${state}`, async () => {
          const machine = await find(name);
          if (machine?.state === state) return true;
          throw new Error(
            machine === undefined ? 'unknown to the box' : `${machine.state}: ${machine.message}`,
          );
        });
      },
    });
  } finally {
    await world.close();
    open.delete(world);
  }
}
