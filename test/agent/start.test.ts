import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AgentPorts } from '../../agent/agent.ts';
import { createAgent } from '../../agent/agent.ts';
import type { ObservedMachine } from '../../agent/ports.ts';
import { createStore } from '../../agent/store/store.ts';
import { createRandom } from '../../shared/host/random.ts';
import { createLogRecorder } from '../shared/log-recorder.ts';
import { createManualClock } from '../shared/manual-clock.ts';
import { NO_EQUIPMENT } from '../tools/equipment.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Prints what of Node and of packages in CommonJS there is in memory once an agent's code is. */
const LOAD_AGENT = `
  await import('./agent/main.ts');
  const { _cache } = (await import('node:module')).default;
  console.log(JSON.stringify([...process.moduleLoadList, ...Object.keys(_cache)]));
`;

test('an agent starts without what only its link, its facts, streams and configuration files need', () => {
  const words = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', LOAD_AGENT];
  const printed = execFileSync(process.execPath, words, { cwd: ROOT, encoding: 'utf8' });
  const loaded = JSON.parse(printed) as string[];
  expect(loaded.some((module) => module.includes('/better-sqlite3/'))).toBe(true);

  const late = [/NativeModule internal\/deps\/undici/, /node_modules\/(?:mqtt|systeminformation|ws|yaml)\//];
  expect(loaded.filter((module) => late.some((one) => one.test(module)))).toEqual([]);
});

test('an agent looks at its machines before it reaches out, and not for longer than five seconds', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-start-'));
  const [clock, random] = [createManualClock(), createRandom()];
  const done: string[] = [];
  const look = Promise.withResolvers<ObservedMachine[]>();
  const nothing = () => {};
  const ports = {
    store: createStore(join(folder, 'agent.db'), random),
    machines: {
      observe: async () => {
        done.push('look');
        return look.promise;
      },
      onChange: nothing,
      onHappening: nothing,
      close: async () => {},
    },
    images: { onChange: nothing, onNotice: nothing, retain: nothing, close: async () => {} },
    probes: {},
    link: {
      async connect() {
        done.push('connect');
        throw new Error('there is no hub');
      },
    },
    facts: {
      async read() {
        done.push('facts');
        throw new Error('they are not asked for here');
      },
    },
    accelerator: { detect: async () => ({ accelerator: 'tcg', reason: 'asked for' }) },
    clock,
    random,
    log: createLogRecorder(),
  } as unknown as AgentPorts;
  const options = { device: 'edge-1', version: '1', bootId: 'boot-1', equipment: NO_EQUIPMENT };
  const agent = createAgent({ ...options, identity: { hostname: 'edge-1', addresses: [] } }, ports);
  const pass = async (ms: number) => {
    clock.advance(ms);
    await clock.turn();
  };
  try {
    agent.start();
    await pass(0);
    await pass(4_900);
    expect(done).toEqual(['look']);
    await pass(100);
    expect(done.toSorted()).toEqual(['connect', 'facts', 'look']);
  } finally {
    look.resolve([]);
    await agent.stop();
    rmSync(folder, { recursive: true });
  }
});
