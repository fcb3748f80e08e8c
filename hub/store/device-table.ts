import type { DeviceRow, DeviceTable } from '../ports.ts';
import type { Database, StoredDevice } from './schema.ts';

export function createDeviceTable(database: Database): DeviceTable {
  return {
    async get(name) {
      const row = await database
        .selectFrom('devices')
        .selectAll()
        .where('name', '=', name)
        .executeTakeFirst();
      return row === undefined ? undefined : readDevice(row);
    },

    async list() {
      const rows = await database.selectFrom('devices').selectAll().orderBy('name').execute();
      return rows.map(readDevice);
    },

    async put({ name, ...device }) {
      const row = {
        epoch: device.epoch,
        connection: device.connection,
        acknowledged: device.acknowledged,
        presence: device.presence,
        presence_since_ms: device.presenceSinceMs,
        generation: device.generation,
        desired_text: device.desiredText,
        desired_hash: device.desiredHash,
        held_generation: device.heldGeneration,
        problems: JSON.stringify(device.problems),
        reported_at_ms: device.reportedAtMs ?? null,
      };
      await database
        .insertInto('devices')
        .values({ name, ...row })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
        .execute();
    },

    async remove(name) {
      await database.deleteFrom('devices').where('name', '=', name).execute();
    },
  };
}

function readDevice(row: StoredDevice): DeviceRow {
  return {
    name: row.name,
    epoch: row.epoch,
    connection: row.connection,
    acknowledged: row.acknowledged,
    presence: row.presence,
    presenceSinceMs: row.presence_since_ms,
    generation: row.generation,
    desiredText: row.desired_text,
    desiredHash: row.desired_hash,
    heldGeneration: row.held_generation,
    problems: JSON.parse(row.problems) as string[],
    ...(row.reported_at_ms !== null && { reportedAtMs: row.reported_at_ms }),
  };
}
