import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAgent } from '../../agent/agent.ts';
import { createAcceleratorProbe } from '../../agent/facts/accelerator-probe.ts';
import { createFacts } from '../../agent/facts/facts.ts';
import { readIdentity } from '../../agent/facts/identity.ts';
import { createImages } from '../../agent/image/images.ts';
import { createMqttLink } from '../../agent/link/mqtt-link.ts';
import { createMachines } from '../../agent/qemu/machines.ts';
import { createStore as createAgentStore } from '../../agent/store/store.ts';
import { createApi } from '../../hub/api/api.ts';
import { anyoneIsAdmin } from '../tools/admin.ts';
import { createEmbeddedBroker } from '../../hub/broker/embedded-broker.ts';
import { createHub } from '../../hub/hub.ts';
import { createStore as createHubStore } from '../../hub/store/store.ts';
import { createClock } from '../../shared/host/clock.ts';
import { readBootId } from '../../shared/host/files.ts';
import { createRandom } from '../../shared/host/random.ts';
import { copyKernel } from '../bench/small-machine.ts';
import { createLogRecorder } from '../shared/log-recorder.ts';
import { createSkippingClock } from '../shared/skipping-clock.ts';
import { createGate } from '../tools/gate.ts';
import { qemusBelow } from '../tools/processes.ts';
import { waitFor } from '../tools/wait-for.ts';
import { PLAIN_LIMITS } from '../agent/image/plain-limits.ts';
import { createNoNetworks } from '../tools/no-networks.ts';
import { NO_EQUIPMENT } from '../tools/equipment.ts';

const KEPT_MS = 7 * 24 * 3_600_000;

export type AgedWorld = Awaited<ReturnType<typeof createAgedWorld>>;

/**
 * A hub and the agent of one box in this process, on one clock that hours can be skipped on. All else is real: both
 * stores in files, the broker, the link over TCP through a gate that can be shut, and QEMU.
 */
export async function createAgedWorld(device: string) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-aged-'));
  chmodSync(folder, 0o755);
  const [dataDir, kernels] = [join(folder, device), join(folder, 'kernels')];
  mkdirSync(dataDir);
  copyKernel(kernels);
  const clock = createSkippingClock(createClock());
  const { unhurried } = clock;
  const [random, log, bootId] = [createRandom(), createLogRecorder(), readBootId()];

  const hub = createHub(
    {
      version: '0.1.0',
      apiListen: { host: '127.0.0.1', port: 0 },
      eventRetentionMs: KEPT_MS,
      timelineRetentionMs: KEPT_MS,
    },
    {
      store: await createHubStore(join(folder, 'hub.db')),
      broker: createEmbeddedBroker({ host: '127.0.0.1', port: 0 }, log),
      serveApi: createApi,
      authenticate: anyoneIsAdmin,
      clock,
      random,
      log,
    },
  );
  const { api, mqtt } = await hub.start();
  const gate = await createGate(() => mqtt);
  const agent = createAgent(
    { device, version: '0.1.0', bootId, equipment: NO_EQUIPMENT, identity: readIdentity() },
    {
      store: createAgentStore(join(dataDir, 'agent.db'), random),
      machines: createMachines({
        dataDir,
        forwardAddress: '127.0.0.1',
        localImages: kernels,
        networks: createNoNetworks(),
        equipment: NO_EQUIPMENT,
        bootId,
        clock: unhurried,
        log,
      }),
      probes: { run: async () => ({ ok: true, detail: 'not tried' }) },
      images: createImages({ ...PLAIN_LIMITS, dataDir, clock: unhurried, random, log, reserveBytes: 0 }),
      link: createMqttLink(`mqtt://${gate.address}`, device, 20, unhurried),
      facts: createFacts({
        dataDir,
        agentVersion: '0.1.0',
        nodeVersion: process.version,
        bootId,
        clock: unhurried,
      }),
      accelerator: createAcceleratorProbe({ dataDir, requested: 'tcg', bootId, clock: unhurried }),
      clock,
      random,
      log,
    },
  );
  agent.start();

  async function call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`http://${api}${path}`, {
      method,
      headers: {
        'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  return {
    dataDir,
    kernels,
    clock,
    gate,
    log,
    door: agent.door,
    call,
    async close() {
      await agent.stop();
      await gate.close();
      await hub.stop();
      for (const { pid } of qemusBelow(folder)) process.kill(pid, 'SIGKILL');
      await waitFor('the end of every QEMU', () => qemusBelow(folder).length === 0);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
