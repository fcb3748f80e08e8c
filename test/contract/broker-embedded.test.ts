import { testBroker } from './broker.ts';
import { embedded } from './brokers/embedded.ts';

testBroker('embedded', embedded, 'inside the hub');
