import type { HeldEntry, HeldTable } from '../ports.ts';
import type { Database } from './schema.ts';

export function createHeldTable(database: Database): HeldTable {
  return {
    async put({ device, uid, entry }) {
      const text = JSON.stringify(entry);
      await database
        .insertInto('held')
        .values({ device, uid, entry: text })
        .onConflict((conflict) => conflict.columns(['device', 'uid']).doUpdateSet({ entry: text }))
        .execute();
    },

    async list(device) {
      const rows = await database
        .selectFrom('held')
        .selectAll()
        .where('device', '=', device)
        .orderBy('uid')
        .execute();
      return rows.map(({ entry, ...row }) => ({ ...row, entry: JSON.parse(entry) as HeldEntry['entry'] }));
    },

    async removeDevice(device) {
      await database.deleteFrom('held').where('device', '=', device).execute();
    },
  };
}
