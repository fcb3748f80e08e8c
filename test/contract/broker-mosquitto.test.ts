import { testBroker } from './broker.ts';
import { MOSQUITTO, mosquitto } from './brokers/mosquitto.ts';

testBroker('Mosquitto', mosquitto, MOSQUITTO);
