import { createEmbeddedBroker } from '../../../hub/broker/embedded-broker.ts';
import type { Broker } from '../../../hub/ports.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import type { BrokerKind } from './world.ts';
import { freePorts } from './world.ts';

/** The broker inside the hub: it runs where the hub runs, and ends with it. */
export const embedded: BrokerKind = {
  async prepare() {
    const [port = 0] = await freePorts(1);
    let hub: Broker | undefined;
    return {
      address: `127.0.0.1:${port}`,
      isInHub: true,
      login: () => ({}),
      createHub: () => (hub = createEmbeddedBroker({ host: '127.0.0.1', port }, createLogRecorder())),
      async run() {},
      async kill() {
        await hub?.stop();
      },
      async dispose() {},
    };
  },
};
