import type { MachineStatus } from '../../shared/model/machine.ts';
import type { HeldBack, MachineRow, MachineTable } from '../ports.ts';
import type { Database, StoredMachine } from './schema.ts';

export function createMachineTable(database: Database): MachineTable {
  return {
    async get(uid) {
      const row = await database.selectFrom('machines').selectAll().where('uid', '=', uid).executeTakeFirst();
      return row === undefined ? undefined : readMachine(row);
    },

    async list(device) {
      let query = database.selectFrom('machines').selectAll();
      if (device !== undefined) query = query.where('device', '=', device);
      const rows = await query.orderBy('namespace').orderBy('name').orderBy('uid').execute();
      return rows.map(readMachine);
    },

    async put({ uid, ...machine }) {
      const row = {
        kind: machine.kind,
        namespace: machine.namespace,
        name: machine.name,
        device: machine.device,
        removing: machine.removing ? 1 : 0,
        status: machine.status === undefined ? null : JSON.stringify(machine.status),
        reported_at_ms: machine.reportedAtMs ?? null,
        reported_epoch: machine.reportedEpoch ?? null,
        held_back: machine.heldBack === undefined ? null : JSON.stringify(machine.heldBack),
      };
      await database
        .insertInto('machines')
        .values({ uid, ...row })
        .onConflict((conflict) => conflict.column('uid').doUpdateSet(row))
        .execute();
    },

    async remove(uid) {
      await database.deleteFrom('machines').where('uid', '=', uid).execute();
    },
  };
}

function readMachine(row: StoredMachine): MachineRow {
  return {
    uid: row.uid,
    kind: row.kind,
    namespace: row.namespace,
    name: row.name,
    device: row.device,
    removing: row.removing === 1,
    ...(row.status !== null && { status: JSON.parse(row.status) as MachineStatus }),
    ...(row.reported_at_ms !== null && { reportedAtMs: row.reported_at_ms }),
    ...(row.reported_epoch !== null && { reportedEpoch: row.reported_epoch }),
    ...(row.held_back !== null && { heldBack: JSON.parse(row.held_back) as HeldBack }),
  };
}
