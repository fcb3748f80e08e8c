import type { DeviceRow, DeviceTable } from '../ports.ts';
import type { Database, StoredDevice } from './schema.ts';

export function createDeviceTable(database: Database): DeviceTable {
  async function putMany(rows: readonly DeviceRow[]): Promise<void> {
    if (rows.length === 0) return;
    const stored = rows.map((row) => ({ name: row.name, session: JSON.stringify(row) }));
    await database
      .insertInto('devices')
      .values(stored)
      .onConflict((conflict) =>
        conflict.column('name').doUpdateSet((given) => ({ session: given.ref('excluded.session') })),
      )
      .execute();
  }

  return {
    async get(name) {
      const row = await database
        .selectFrom('devices')
        .selectAll()
        .where('name', '=', name)
        .executeTakeFirst();
      return row === undefined ? undefined : readDevice(row);
    },

    async getMany(names) {
      const rows = await database.selectFrom('devices').selectAll().where('name', 'in', names).execute();
      return rows.map(readDevice);
    },

    async list() {
      const rows = await database.selectFrom('devices').selectAll().orderBy('name').execute();
      return rows.map(readDevice);
    },

    put: (row) => putMany([row]),
    putMany,

    async remove(name) {
      await database.deleteFrom('devices').where('name', '=', name).execute();
    },
  };
}

function readDevice({ session }: StoredDevice): DeviceRow {
  return JSON.parse(session) as DeviceRow;
}
