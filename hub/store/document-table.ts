import type { DocumentTable } from '../ports.ts';
import type { Database } from './schema.ts';

export function createDocumentTable(database: Database): DocumentTable {
  return {
    get: (device) =>
      database.selectFrom('documents').selectAll().where('device', '=', device).executeTakeFirst(),

    async put({ device, ...row }) {
      await database
        .insertInto('documents')
        .values({ device, ...row })
        .onConflict((conflict) => conflict.column('device').doUpdateSet(row))
        .execute();
    },

    async remove(device) {
      await database.deleteFrom('documents').where('device', '=', device).execute();
    },
  };
}
