import type { Kysely } from 'kysely';
import type { Schema } from '../schema.ts';

/** The devices table of the step before. */
interface DeviceBefore {
  name: string;
  epoch: string;
  connection: number;
  acknowledged: number;
  presence: string;
  presence_since_ms: number;
  generation: number;
  desired_text: string;
  desired_hash: string;
  held_generation: number;
  problems: string;
  reported_at_ms: number | null;
}

/**
 * What is written with each message of a device gets narrow tables of its own; the device's row is written with each
 * hello and no longer holds its document.
 */
export async function up(database: Kysely<Schema>): Promise<void> {
  const { schema } = database;
  const devices = await database
    .withTables<{ devices: DeviceBefore }>()
    .selectFrom('devices')
    .selectAll()
    .execute();
  await schema.dropTable('devices').execute();
  await schema
    .createTable('devices')
    .addColumn('name', 'text', (column) => column.primaryKey().notNull())
    .addColumn('session', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('documents')
    .addColumn('device', 'text', (column) => column.primaryKey().notNull())
    .addColumn('generation', 'bigint', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .addColumn('text', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('streams')
    .addColumn('device', 'text', (column) => column.notNull())
    .addColumn('epoch', 'text', (column) => column.notNull())
    .addColumn('acknowledged', 'bigint', (column) => column.notNull())
    .addColumn('heard_at_ms', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('streams_key', ['device', 'epoch'])
    .execute();
  await schema
    .createTable('held')
    .addColumn('device', 'text', (column) => column.notNull())
    .addColumn('uid', 'text', (column) => column.notNull())
    .addColumn('entry', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('held_key', ['device', 'uid'])
    .execute();
  await schema
    .createTable('timeline')
    .addColumn('id', 'bigint', (column) => column.primaryKey().notNull())
    .addColumn('device', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .addColumn('machine', 'text')
    .addColumn('happened_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('device_time_ms', 'bigint')
    .addColumn('learned_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('epoch', 'text')
    .addColumn('sequence', 'bigint')
    .execute();
  await schema
    .createIndex('timeline_of_device')
    .on('timeline')
    .columns(['device', 'happened_at_ms'])
    .execute();
  for (const device of devices) await carryOver(database, device);
}

async function carryOver(database: Kysely<Schema>, device: DeviceBefore): Promise<void> {
  const { name, epoch, generation } = device;
  const heardAtMs = device.reported_at_ms ?? 0;
  const session = {
    name,
    epoch,
    connection: device.connection,
    protocol: 1,
    agentVersion: '',
    presence: device.presence,
    presenceSinceMs: device.presence_since_ms,
    generation,
    desiredHash: device.desired_hash,
    heldGeneration: device.held_generation,
    problems: JSON.parse(device.problems) as unknown,
    clockAheadMs: 0,
    untold: false,
    boots: [],
    returns: 0,
  };
  await database
    .insertInto('devices')
    .values({ name, session: JSON.stringify(session) })
    .execute();
  await database
    .insertInto('streams')
    .values({ device: name, epoch, acknowledged: device.acknowledged, heard_at_ms: heardAtMs })
    .execute();
  if (device.desired_hash === '') return;
  await database
    .insertInto('documents')
    .values({ device: name, generation, hash: device.desired_hash, text: device.desired_text })
    .execute();
}
