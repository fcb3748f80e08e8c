import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe } from 'vitest';
import { createStore } from '../../agent/store/store.ts';
import type { Store } from '../../agent/ports.ts';
import { createRandom } from '../../shared/host/random.ts';
import { testOutboxBounds } from './agent-outbox.ts';
import type { AgentStoreWorld } from './agent-store.ts';
import { testAgentStore } from './agent-store.ts';

describe('the store in a SQLite file', () => {
  const opened: { folder: string; store: Store }[] = [];
  afterEach(() => {
    for (const { folder, store } of opened.splice(0)) {
      store.close();
      rmSync(folder, { recursive: true });
    }
  });

  function open(): AgentStoreWorld {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-agent-store-'));
    const path = join(folder, 'agent.db');
    const entry = { folder, store: createStore(path, createRandom()) };
    opened.push(entry);
    return {
      store: entry.store,
      reopen() {
        entry.store.close();
        entry.store = createStore(path, createRandom());
        return entry.store;
      },
    };
  }

  testAgentStore(open);
  testOutboxBounds(open);
});
