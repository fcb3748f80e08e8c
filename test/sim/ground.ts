import type { Link, Machines, Store as AgentStore } from '../../agent/ports.ts';
import type { KindSchemas } from '../../hub/api/kind-schemas.ts';
import type { Broker, Store as HubStore } from '../../hub/ports.ts';
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
  agentStore(store: AgentStore, life: Life): AgentStore;
  machines(machines: Machines, disk: BoxDisk): Machines;
  link(link: Link): Link;
  hubStore(store: HubStore, life: Life): HubStore;
  broker(broker: Broker): Broker;
}
