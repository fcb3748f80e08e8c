import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { LocalClient } from '../../agent/local/client.ts';
import { createLocalClient } from '../../agent/local/client.ts';
import type { Device } from '../../shared/model/device.ts';
import type { DesiredMachine } from '../../shared/model/machine.ts';
import type { Event } from '../../shared/model/event.ts';
import { copyKernel } from '../bench/small-machine.ts';
import { compareTold, keepJournal, readHeld, readJournal, toldBy } from '../tools/event-journal.ts';
import type { Network, Site } from '../tools/network.ts';
import { createNetwork } from '../tools/network.ts';
import { startTicksOf } from '../tools/processes.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { GuestAnswer, World } from './world.ts';
import { createWorld } from './world.ts';

/** A box in a network of its own, whose wire to the hub can be given any weather. */
export interface FarBox {
  readonly name: string;
  readonly wire: Site['wire'];
  /** Words before a command that make it run on the box. */
  readonly within: readonly string[];
  readonly door: LocalClient;
  /** Kills the agent and starts it again. */
  restartAgent(): Promise<void>;
  /** What runs a machine: another process is another figure. */
  process(machine: string): Promise<string>;
  /** What the guest of a machine with a forwarded port answers, asked on the box. */
  guest(machine: string): Promise<GuestAnswer>;
  /** Ends a machine's QEMU at once. */
  crash(machine: string): Promise<void>;
  localState(machine: string): Promise<string | undefined>;
  held(machine: string): DesiredMachine | undefined;
  /** Whether the hub says that the device is connected. */
  connected(): Promise<string | undefined>;
  /** Waits until the hub has every event, once, in order, as the box wrote it down; fails with both. */
  untilToldAll(limitMs: number): Promise<void>;
}

export interface FarWorld {
  readonly world: World;
  /** Where the kernel of the small guest is. */
  readonly kernels: string;
  /** Starts an agent that is a network away from the hub, and waits until the hub knows it. */
  addBox(name: string, flags?: readonly string[]): Promise<FarBox>;
  close(): Promise<void>;
}

/** A hub, and boxes in networks of their own. */
export async function createFarWorld(seed: number): Promise<FarWorld> {
  const world = await createWorld();
  let network: Network | undefined;
  const kernels = join(world.folder, 'kernels');
  const close = async () => {
    await world.close();
    await network?.close();
  };
  try {
    copyKernel(kernels);
    await world.startHub();
    network = await createNetwork(() => world.addresses() ?? { api: '', mqtt: '' }, seed);
  } catch (error) {
    await close();
    throw error;
  }
  const made = network;
  return {
    world,
    kernels,
    async addBox(name, flags = []) {
      const site = await made.join();
      const there = ['--hub', site.hub, '--hub-tunnel', site.tunnel];
      const start = () =>
        world.startAgent(name, [...there, '--local-images', kernels, ...flags], site.within);
      start();
      await keepJournal(world.agentDir(name));
      await waitFor(`the device ${name}`, async () => world.get('device', name));
      return createFarBox(world, name, site, start);
    },
    close,
  };
}

function createFarBox(world: World, name: string, { within, wire }: Site, start: () => void): FarBox {
  const dataDir = world.agentDir(name);
  const door = createLocalClient(dataDir);
  const find = async (machine: string) => {
    const { machines } = await door.status();
    return machines.find((one) => one.name === machine);
  };
  const pidOf = async (machine: string) => {
    const { pid } = (await find(machine)) ?? {};
    if (pid === undefined) throw new Error(`${machine} has no process`);
    return pid;
  };
  return {
    name,
    wire,
    within,
    door,
    async restartAgent() {
      await world.end(name, 'SIGKILL');
      start();
      await waitFor(`the agent of ${name}`, async () => door.status());
    },
    async process(machine) {
      const pid = await pidOf(machine);
      return `${pid} since ${startTicksOf(pid)}`;
    },
    async guest(machine) {
      const { host } = (await find(machine))?.ports[0] ?? {};
      const [command = '', ...args] = [...within, 'curl', '-s', '--max-time', '5', `http://${host}/`];
      return JSON.parse(execFileSync(command, args, { encoding: 'utf8' })) as GuestAnswer;
    },
    async crash(machine) {
      process.kill(await pidOf(machine), 'SIGKILL');
    },
    localState: async (machine) => (await find(machine))?.state,
    held: (machine) => readHeld<DesiredMachine>(dataDir).get(machine),
    async connected() {
      const { status } = await world.get<Device>('device', name);
      return status?.conditions?.find(({ type }) => type === 'Connected')?.status;
    },
    async untilToldAll(limitMs) {
      const look = async () => {
        const { items } = await world.get<{ items: Event[] }>('events');
        const problem = compareTold(readJournal(dataDir), toldBy(name, items));
        if (problem === undefined) return true;
        throw new Error(problem);
      };
      await waitFor(`the events of ${name}`, look, limitMs);
    },
  };
}
