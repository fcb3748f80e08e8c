import type { DataVolume } from '../../shared/model/data-volume-object.ts';
import type { Device } from '../../shared/model/device.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import { runStrategyOf } from '../../shared/model/virtual-machine.ts';
import type { DesiredDocument } from '../../shared/protocol/desired.ts';
import { carryOver } from '../machines/carry-over.ts';
import type { MachineObject } from '../machines/desired.ts';
import { compileEntry, compileVolumeEntry } from '../machines/desired.ts';
import { findRelease } from '../machines/override.ts';
import type { MachineRow, Tables } from '../ports.ts';
import { resolveMachine } from '../resolve/resolve-machine.ts';
import { resolveVolume } from '../resolve/resolve-volume.ts';
import { objectKey } from './machine-key.ts';

/** The entries of the document that a device was sent last, by uid, read when the first of them is asked for. */
export type ReadSent = (uid: string) => Promise<Readonly<Record<string, unknown>> | undefined>;

export function readSent({ documents }: Tables, device: string): ReadSent {
  let entries: Promise<Map<unknown, Record<string, unknown>>> | undefined;
  async function read() {
    const { text } = (await documents.get(device)) ?? {};
    const { machines } = text === undefined ? { machines: [] } : (JSON.parse(text) as DesiredDocument);
    return new Map(machines.map((entry) => [entry['uid'], entry] as const));
  }
  return async (uid) => {
    entries ??= read();
    return (await entries).get(uid);
  };
}

/** What a device's next document says of a machine or a data volume; undefined where it says nothing. */
export async function makeEntry(
  tables: Tables,
  row: MachineRow,
  device: Device | undefined,
  sent: ReadSent,
): Promise<object | undefined> {
  const found = await tables.objects.get(objectKey(row));
  const object = found?.metadata.uid === row.uid ? found : undefined;
  if (row.kind === 'DataVolume') return makeVolumeEntry(tables, row, object, sent);
  const machine = object as MachineObject | undefined;
  const released = machine === undefined ? undefined : findRelease(row, machine, device);
  const plain = compileEntry(row, machine, released);
  if (machine === undefined || plain === undefined || row.removing) return plain;
  const { object: filled, references, problems } = await resolveMachine(tables, machine, row.device);
  const entry = filled && compileEntry(row, filled, released, references);
  if (entry !== undefined && 'removed' in entry) return entry;
  const runs = {
    runStrategy: machine.kind === 'VirtualMachine' ? runStrategyOf(machine.spec) : ('Once' as const),
    ...(released !== undefined && { releasedOverride: released }),
  };
  return carryOver(entry, runs, problems, problems.length === 0 ? undefined : await sent(row.uid));
}

async function makeVolumeEntry(
  tables: Tables,
  row: MachineRow,
  object: ResourceObject | undefined,
  sent: ReadSent,
): Promise<object | undefined> {
  const volume = object as DataVolume | undefined;
  const plain = compileVolumeEntry(row, volume);
  if (volume === undefined || plain === undefined || 'removed' in plain) return plain;
  const { references, problems } = await resolveVolume(tables, volume, row.device);
  const entry = compileVolumeEntry(row, volume, references);
  if (entry === undefined || 'removed' in entry) return entry;
  return carryOver(entry, undefined, problems, problems.length === 0 ? undefined : await sent(row.uid));
}
