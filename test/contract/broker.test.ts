import { describe } from 'vitest';
import { createEmbeddedBroker } from '../../hub/broker/embedded-broker.ts';
import { createLogRecorder } from '../shared/log-recorder.ts';
import { testBroker } from './broker.ts';

describe('the embedded broker', () => {
  testBroker(() => createEmbeddedBroker({ host: '127.0.0.1', port: 0 }, createLogRecorder()));
});
