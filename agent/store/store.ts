import Database from 'better-sqlite3';
import { EffectError } from '../../shared/base/errors.ts';
import type { Random } from '../../shared/ports.ts';
import type { MachineMemory } from '../plan/memory.ts';
import type { Store } from '../ports.ts';
import { MIGRATIONS } from './migrations.ts';
import { createOutbox } from './outbox.ts';

/**
 * The agent's store in one SQLite file. WAL with full sync: what a transaction wrote is there after a power cut.
 * @throws EffectError `StoreTooNew` where a newer agent has written the file
 */
export function createStore(path: string, random: Random): Store {
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.pragma('busy_timeout = 5000');
  migrate(database, path);
  database.prepare('INSERT OR IGNORE INTO identity VALUES (1, ?, 0, 1, 0, 0, 0, NULL)').run(random.uuid());

  const statements = {
    epoch: database.prepare<[], string>('SELECT epoch FROM identity').pluck(),
    connect: database
      .prepare<[], number>('UPDATE identity SET connection = connection + 1 RETURNING connection')
      .pluck(),
    link: database.prepare<[], { up: number; sinceMs: number | null }>(
      'SELECT link_up AS up, link_since_ms AS sinceMs FROM identity',
    ),
    saveLink: database.prepare('UPDATE identity SET link_up = ?, link_since_ms = ?'),
    desired: database.prepare<[], { generation: number; hash: string }>(
      'SELECT generation, hash FROM desired',
    ),
    saveDesired: database.prepare('INSERT OR REPLACE INTO desired VALUES (1, ?, ?, ?)'),
    machines: database.prepare<[], { uid: string; desired: string; memory: string }>(
      'SELECT uid, desired, memory FROM machines ORDER BY uid',
    ),
    putMachine: database.prepare('INSERT OR REPLACE INTO machines VALUES (?, ?, ?)'),
    deleteMachine: database.prepare('DELETE FROM machines WHERE uid = ?'),
  };

  return {
    transaction: (work) => database.transaction(work).immediate(),
    epoch: () => statements.epoch.get() ?? '',
    nextConnection: () => statements.connect.get() ?? 0,
    link() {
      const { up = 0, sinceMs = null } = statements.link.get() ?? {};
      return sinceMs === null ? undefined : { up: up === 1, sinceMs };
    },
    saveLink: ({ up, sinceMs }) => void statements.saveLink.run(up ? 1 : 0, sinceMs),
    desired: () => statements.desired.get(),
    saveDesired: (generation, hash, text) => void statements.saveDesired.run(generation, hash, text),
    machines: () =>
      statements.machines.all().map(({ uid, desired, memory }) => ({
        uid,
        desired: JSON.parse(desired) as unknown,
        memory: JSON.parse(memory) as MachineMemory,
      })),
    putMachine: ({ uid, desired, memory }) =>
      void statements.putMachine.run(uid, JSON.stringify(desired), JSON.stringify(memory)),
    deleteMachine: (uid) => void statements.deleteMachine.run(uid),
    ...createOutbox(database),
    close: () => void database.close(),
  };
}

function migrate(database: Database.Database, path: string): void {
  const version = Number(database.pragma('user_version', { simple: true }));
  if (version > MIGRATIONS.length) {
    const message = `${path} was written by a newer agent (store version ${version}, known up to ${MIGRATIONS.length})`;
    throw new EffectError('StoreTooNew', path, message);
  }
  database.transaction(() => {
    for (const step of MIGRATIONS.slice(version)) database.exec(step);
    database.pragma(`user_version = ${MIGRATIONS.length}`);
  })();
}
