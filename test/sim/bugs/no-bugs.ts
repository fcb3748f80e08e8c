import type { Bugs } from '../ground.ts';

export const NO_BUGS: Bugs = {
  agentStore: (store) => store,
  machines: (machines) => machines,
  link: (link) => link,
  agentClock: (clock) => clock,
  hubStore: (store) => store,
  broker: (broker) => broker,
};
