import { testBroker } from './broker.ts';
import { RABBITMQ, rabbitmq } from './brokers/rabbitmq.ts';

testBroker('RabbitMQ', rabbitmq, RABBITMQ);
