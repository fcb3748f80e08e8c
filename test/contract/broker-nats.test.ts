import { testBroker } from './broker.ts';
import { NATS, nats } from './brokers/nats.ts';

testBroker('NATS', nats, NATS);
