import type { StreamTable } from '../ports.ts';
import type { Database } from './schema.ts';

export function createStreamTable(database: Database): StreamTable {
  return {
    async getMany(devices) {
      const rows = await database.selectFrom('streams').selectAll().where('device', 'in', devices).execute();
      return rows.map(({ heard_at_ms: heardAtMs, ...row }) => ({ ...row, heardAtMs }));
    },

    async putMany(rows) {
      if (rows.length === 0) return;
      await database
        .insertInto('streams')
        .values(rows.map(({ heardAtMs, ...row }) => ({ ...row, heard_at_ms: heardAtMs })))
        .onConflict((conflict) =>
          conflict.columns(['device', 'epoch']).doUpdateSet((given) => ({
            acknowledged: given.ref('excluded.acknowledged'),
            heard_at_ms: given.ref('excluded.heard_at_ms'),
          })),
        )
        .execute();
    },

    async removeDevice(device) {
      await database.deleteFrom('streams').where('device', '=', device).execute();
    },
  };
}
