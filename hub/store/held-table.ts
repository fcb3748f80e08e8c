import type { HeldEntry, HeldTable } from '../ports.ts';
import type { Database } from './schema.ts';

export function createHeldTable(database: Database): HeldTable {
  return {
    async get(device, uid) {
      const row = await database
        .selectFrom('held')
        .select('entry')
        .where('device', '=', device)
        .where('uid', '=', uid)
        .executeTakeFirst();
      return row === undefined ? undefined : (JSON.parse(row.entry) as HeldEntry);
    },

    async put(held) {
      const { device, uid } = held;
      const entry = JSON.stringify(held);
      await database
        .insertInto('held')
        .values({ device, uid, entry })
        .onConflict((conflict) => conflict.columns(['device', 'uid']).doUpdateSet({ entry }))
        .execute();
    },

    async list(device) {
      const rows = await database
        .selectFrom('held')
        .select('entry')
        .where('device', '=', device)
        .orderBy('uid')
        .execute();
      return rows.map(({ entry }) => JSON.parse(entry) as HeldEntry);
    },

    async remove(device, uid) {
      await database.deleteFrom('held').where('device', '=', device).where('uid', '=', uid).execute();
    },

    async removeDevice(device) {
      await database.deleteFrom('held').where('device', '=', device).execute();
    },
  };
}
