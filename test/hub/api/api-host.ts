import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Api } from '../../../hub/api/api.ts';
import { createApi } from '../../../hub/api/api.ts';
import { compileKubeconfig } from '../../../hub/api/kubeconfig.ts';
import type { Store } from '../../../hub/ports.ts';
import { createStore } from '../../../hub/store/store.ts';
import { createClock } from '../../../shared/host/clock.ts';
import { createRandom } from '../../../shared/host/random.ts';
import { KINDS } from '../../../shared/model/kinds.ts';
import { createLogRecorder } from '../../shared/log-recorder.ts';
import { ANYONE, anyoneIsAdmin } from '../../tools/admin.ts';

/** A hub's API that can be stopped and started again where it was; gone with the test. */
export function createApiHost() {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-api-host-'));
  let store: Store | undefined;
  let api: Api | undefined;
  let address = '127.0.0.1:0';

  const stop = async () => {
    await api?.close();
    await store?.close();
    api = undefined;
  };
  onTestFinished(async () => {
    await stop();
    rmSync(folder, { recursive: true });
  });
  return {
    stop,
    async start() {
      store = await createStore(join(folder, 'hub.db'));
      api = createApi({
        store,
        kinds: KINDS,
        clock: createClock(),
        random: createRandom(),
        log: createLogRecorder(),
        version: '0.1.0',
        authenticate: anyoneIsAdmin,
        askDevice: () => Promise.reject(new Error('there is no device')),
      });
      const [host = '', port] = address.split(':');
      ({ address } = await api.listen({ host, port: Number(port) }));
    },
    async whileDown(work: (store: Store) => Promise<void>) {
      const alone = await createStore(join(folder, 'hub.db'));
      await work(alone);
      await alone.close();
    },
    kubeconfig() {
      const path = join(folder, 'kubeconfig');
      writeFileSync(path, compileKubeconfig(address, ANYONE));
      return path;
    },
    get address() {
      return address;
    },
    get store(): Store {
      if (store === undefined) throw new Error('it was not started');
      return store;
    },
  };
}
