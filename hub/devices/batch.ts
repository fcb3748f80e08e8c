import type { DeviceRow, StreamRow, Tables, TimelineEntry } from '../ports.ts';

/**
 * What the messages of many devices read and write in one transaction: read at once before, written at once after,
 * so that each message costs no statement of its own.
 */
export interface Batch {
  readonly tables: Tables;
  device(name: string): DeviceRow | undefined;
  putDevice(row: DeviceRow): void;
  stream(device: string, epoch: string): StreamRow | undefined;
  putStream(row: StreamRow): void;
  /** Adds to a device's history. */
  note(entry: TimelineEntry): void;
  flush(): Promise<void>;
}

export async function openBatch(tables: Tables, names: readonly string[]): Promise<Batch> {
  const devices = new Map((await tables.devices.getMany(names)).map((row) => [row.name, row]));
  const streams = new Map((await tables.streams.getMany(names)).map((row) => [streamKey(row), row]));
  const changedDevices = new Map<string, DeviceRow>();
  const changedStreams = new Map<string, StreamRow>();
  const entries: TimelineEntry[] = [];
  return {
    tables,
    device: (name) => devices.get(name),
    putDevice(row) {
      devices.set(row.name, row);
      changedDevices.set(row.name, row);
    },
    stream: (device, epoch) => streams.get(streamKey({ device, epoch })),
    putStream(row) {
      streams.set(streamKey(row), row);
      changedStreams.set(streamKey(row), row);
    },
    note: (entry) => void entries.push(entry),
    async flush() {
      await tables.devices.putMany([...changedDevices.values()]);
      await tables.streams.putMany([...changedStreams.values()]);
      await tables.timeline.append(entries);
    },
  };
}

function streamKey({ device, epoch }: Pick<StreamRow, 'device' | 'epoch'>): string {
  return `${device} ${epoch}`;
}
