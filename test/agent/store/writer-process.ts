import process from 'node:process';
import { EMPTY_MEMORY } from '../../../agent/plan/memory.ts';
import { createStore } from '../../../agent/store/store.ts';
import { createRandom } from '../../../shared/host/random.ts';
import { HAPPENING, event } from '../../contract/agent-store.ts';

/**
 * Writes to the store at the path in its first argument, in transactions of a machine and an event each, and says
 * so after each; then stays in the middle of one. Made to be killed.
 */
const [path = ''] = process.argv.slice(2);
const store = createStore(path, createRandom());

function write(index: number): void {
  store.putMachine({ uid: `machine-${String(index).padStart(2, '0')}`, desired: {}, memory: EMPTY_MEMORY });
  store.appendEvent(event(`event ${index}`), HAPPENING);
}

for (let index = 0; index < 20; index += 1) {
  store.transaction(() => write(index));
  process.stdout.write(`${index}\n`);
}
store.transaction(() => {
  store.saveDesired(99, 'never', '{}');
  write(20);
  process.stdout.write('within\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
});
