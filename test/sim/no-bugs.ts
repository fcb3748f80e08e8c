import type { Bugs } from './ground.ts';

export const NO_BUGS: Bugs = {
  agentStore: (store) => store,
  machines: (machines) => machines,
  link: (link) => link,
  hubStore: (store) => store,
  broker: (broker) => broker,
};
