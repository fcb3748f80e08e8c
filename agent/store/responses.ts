import type Database from 'better-sqlite3';
import type { ResponseMessage } from '../../shared/protocol/messages.ts';
import type { Store } from '../ports.ts';

/** What came of requests, kept for as long as each could come again: that is carried out once. */
export function createResponses(
  database: Database.Database,
): Pick<Store, 'response' | 'saveResponse' | 'pruneResponses'> {
  const find = database.prepare<[string], string>('SELECT response FROM responses WHERE id = ?').pluck();
  const save = database.prepare('INSERT OR REPLACE INTO responses VALUES (?, ?, ?)');
  const prune = database.prepare('DELETE FROM responses WHERE expires_at_ms < ?');
  return {
    response(id) {
      const text = find.get(id);
      return text === undefined ? undefined : (JSON.parse(text) as ResponseMessage);
    },
    saveResponse: (response, expiresAtMs) =>
      void save.run(response.id, JSON.stringify(response), Math.round(expiresAtMs)),
    pruneResponses: (nowMs) => void prune.run(Math.round(nowMs)),
  };
}
