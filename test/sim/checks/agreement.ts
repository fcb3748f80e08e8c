import type { DeviceRow } from '../../../hub/ports.ts';
import { isSameJson } from '../../../shared/base/same-json.ts';
import type { MachineStatus } from '../../../shared/model/machine.ts';
import type { VirtualMachine } from '../../../shared/model/virtual-machine.ts';
import { runStrategyOf } from '../../../shared/model/virtual-machine.ts';
import type { Box } from '../box.ts';
import type { World } from '../world.ts';
import type { ReportsCheck } from './reports.ts';

/** What does not agree between a hub and a device: the device's name and a sentence. */
export interface Disagreement {
  readonly subject: string;
  readonly message: string;
}

interface HubMachine {
  readonly uid: string;
  readonly device: string;
  readonly status: MachineStatus | undefined;
  /** Left out of its device's document until an operator says what is to become of it. */
  readonly isHeldBack: boolean;
}

/**
 * Promise 4: once faults stop, each device holds the hub's newest document, each machine is as that says, the hub's
 * picture is the box's, and it has every report. The result is what is not so yet.
 */
export function findDisagreements(world: World, reports: ReportsCheck): Disagreement[] {
  if (!world.hub.isServing()) return [{ subject: 'hub', message: 'the hub does not serve' }];
  const hub = readHub(world);
  return [
    ...world.boxes.flatMap((box) =>
      compareBox(world, box, hub).map((message) => ({ subject: box.name, message })),
    ),
    ...compareObjects(hub).map((message) => ({ subject: 'hub', message })),
    ...reports.missing().map(({ device, event }) => ({ subject: device, message: `the hub lacks ${event}` })),
  ];
}

/** What the hub has committed. */
function readHub({ hub }: World) {
  const database = hub.database();
  const texts = (sql: string) => database.prepare(sql).pluck().all() as string[];
  const devices = texts('SELECT session FROM devices').map((text) => JSON.parse(text) as DeviceRow);
  const machines = database.prepare('SELECT uid, device, status, held_back FROM machines').all() as {
    uid: string;
    held_back: string | null;
    device: string;
    status: string | null;
  }[];
  const objects = texts("SELECT object FROM objects WHERE kind = 'kubevirt.io/VirtualMachine'");
  const documents = texts('SELECT text FROM documents');
  return {
    devices: new Map(devices.map((row) => [row.name, row])),
    machines: machines.map(({ uid, device, status, held_back: heldBack }): HubMachine => {
      return {
        uid,
        device,
        isHeldBack: heldBack !== null,
        status: status === null ? undefined : (JSON.parse(status) as MachineStatus),
      };
    }),
    objects: objects.map((text) => JSON.parse(text) as VirtualMachine),
    entries: new Map(documents.flatMap(readEntries)),
  };
}
type HubView = ReturnType<typeof readHub>;

interface Entry {
  readonly uid: string;
  readonly generation?: number;
  readonly runStrategy?: string;
  readonly removed?: boolean;
}

function readEntries(text: string): [string, Entry][] {
  return (JSON.parse(text) as { machines: Entry[] }).machines.map((entry) => [entry.uid, entry]);
}

function compareBox(world: World, box: Box, hub: HubView): string[] {
  const store = box.store();
  if (store === undefined) return ['no agent runs'];
  const row = hub.devices.get(box.name);
  if (row === undefined) return ['the hub does not know the device'];
  const wrong: string[] = [];
  const expect = (isSo: boolean, message: string) => {
    if (!isSo) wrong.push(message);
  };
  const held = store.desired() ?? { generation: 0, hash: '' };
  expect(world.network.connectedSinceMs(box.name) !== undefined, 'is not connected');
  expect(row.presence === 'connected', `counts as ${row.presence}`);
  expect(row.epoch === store.epoch(), "the hub's session is of another epoch");
  expect(!row.untold, 'has not told the hub all that it holds');
  expect(row.desiredHash === held.hash, `holds ${held.generation}, and the hub has ${row.generation}`);
  expect(row.heldGeneration === held.generation, `the hub has it that ${row.heldGeneration} is held`);
  expect(store.pendingReports() === 0, `${store.pendingReports()} reports wait`);
  for (const { uid, desired, memory } of store.machines()) {
    const known = hub.machines.find((machine) => machine.uid === uid);
    expect(
      known === undefined || isSameJson(known.status, memory.reported),
      `the hub has ${known?.status?.state} of machine ${uid}, the device ${memory.reported?.state}`,
    );
    const problem = compareProcess(box, desired as Entry, memory.override?.verb);
    expect(problem === undefined, `machine ${uid} ${problem}`);
  }
  return wrong;
}

function compareProcess(box: Box, entry: Entry, override: string | undefined): string | undefined {
  const { process } = box.disk.find(entry.uid) ?? {};
  if (entry.removed === true) return 'is not removed';
  if (override !== undefined)
    return override === 'stop' && process !== undefined ? 'is not stopped' : undefined;
  if (entry.runStrategy === 'Always' && process?.runState !== 'running')
    return `should run (${process?.runState})`;
  return entry.runStrategy === 'Halted' && process !== undefined ? 'should not run' : undefined;
}

/** That the documents say what the objects do. */
function compareObjects({ objects, machines, entries }: HubView): string[] {
  const gone = machines.filter(({ uid }) => !objects.some(({ metadata }) => metadata.uid === uid));
  return [
    ...gone.map(({ uid }) => `machine ${uid} has no object any more, and is still remembered`),
    ...objects.flatMap(({ metadata, spec }) => {
      const { uid = '', name, generation, deletionTimestamp } = metadata;
      if (deletionTimestamp !== undefined) return [`${name} is being deleted`];
      const entry = entries.get(uid);
      const isHeldBack = machines.some((machine) => machine.uid === uid && machine.isHeldBack);
      if (entry === undefined) return isHeldBack ? [] : [`${name} is in no document`];
      const isCurrent = entry.generation === generation && entry.runStrategy === runStrategyOf(spec);
      return isCurrent ? [] : [`the document does not have ${name} as it is`];
    }),
  ];
}
