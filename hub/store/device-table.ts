import type { DeviceRow, DeviceTable } from '../ports.ts';
import type { Database, StoredDevice } from './schema.ts';

/** How many rows one statement writes: each takes two of the 32,766 parameters that SQLite allows. */
const ROWS_AT_ONCE = 1_000;

export function createDeviceTable(database: Database): DeviceTable {
  async function putMany(rows: readonly DeviceRow[]): Promise<void> {
    for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) {
      const some = rows.slice(start, start + ROWS_AT_ONCE);
      await database
        .insertInto('devices')
        .values(some.map((row) => ({ name: row.name, session: JSON.stringify(row) })))
        .onConflict((conflict) =>
          conflict.column('name').doUpdateSet((given) => ({ session: given.ref('excluded.session') })),
        )
        .execute();
    }
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

    async count() {
      const { count } = await database
        .selectFrom('devices')
        .select((row) => row.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      return Number(count);
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
