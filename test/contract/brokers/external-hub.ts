import { createMqttBroker } from '../../../hub/broker/mqtt-broker.ts';
import type { Broker } from '../../../hub/ports.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createRandom } from '../../../shared/host/random.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import { HUB_USER, passwordOf } from './world.ts';

/** The hub's end of a broker that it has an account at. */
export function createExternalHub(address: string): Broker {
  const access = { url: `mqtt://${address}`, username: HUB_USER, password: passwordOf(HUB_USER) };
  return createMqttBroker(access, { clock: createClock(), random: createRandom(), log: createLogRecorder() });
}
