import process from 'node:process';
import { createEmbeddedBroker } from '../../hub/broker/embedded-broker.ts';
import { createLogRecorder } from '../shared/log-recorder.ts';
import { answerHello } from './round-trips.ts';

/** The embedded broker, alone in a process that can be measured, stopped and killed; prints its address. */
const port = Number(process.argv[2] ?? 0);
const broker = createEmbeddedBroker({ host: '127.0.0.1', port }, createLogRecorder());
const { address } = await broker.start(answerHello(broker));
process.stdout.write(`${address}\n`);
