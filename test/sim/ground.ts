import type { Link, Machines, Store as AgentStore } from '../../agent/ports.ts';
import type { KindSchemas } from '../../hub/api/discovery/kind-schemas.ts';
import type { Broker, Store as HubStore } from '../../hub/ports.ts';
import type { Clock } from '../../shared/ports.ts';
import type { BoxDisk } from './box-disk.ts';
import type { Life } from './life.ts';
import type { Network } from './network.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { ImageServer } from './sim-images.ts';
import type { Witness } from './witness.ts';

/** What all parts of a simulated world stand on. */
export interface Ground {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly network: Network;
  readonly images: ImageServer;
  readonly witness: Witness;
  readonly bugs: Bugs;
  readonly schemas: KindSchemas;
  /** Whether logs go into the trace. */
  readonly isShown: boolean;
  readonly count: (what: string) => void;
}

/** Where a deliberate bug may put itself between hub or agent and the world. Each gives back what it was given. */
export interface Bugs {
  agentStore(store: AgentStore, place: BugPlace): AgentStore;
  machines(machines: Machines, place: BugPlace): Machines;
  link(link: Link, place: BugPlace): Link;
  agentClock(clock: Clock): Clock;
  hubStore(store: HubStore): HubStore;
  broker(broker: Broker): Broker;
}

/** The box and the life of the agent that a bug is in. */
export interface BugPlace {
  readonly device: string;
  readonly life: Life;
  readonly disk: BoxDisk;
}
