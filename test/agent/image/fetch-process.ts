import { createImages } from '../../../agent/image/images.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createLog } from '../../../shared/host/log.ts';
import { PLAIN_LIMITS } from './plain-limits.ts';
import { createRandom } from '../../../shared/host/random.ts';

/** Fetches one image in a process of its own, which a test can kill: `fetch-process.ts DATA-DIR URL`. */
const [dataDir = '', url = ''] = process.argv.slice(2);
const real = createClock();
// Faster, so that a test need not wait for the few seconds between two syncs to disk.
const clock = { ...real, monotonic: () => real.monotonic() * 50 };
const log = createLog('error', 'fetch-process');
const images = createImages({
  dataDir,
  reserveBytes: 0,
  ...PLAIN_LIMITS,
  clock,
  random: createRandom(),
  log,
});
images.fetch({ url });
