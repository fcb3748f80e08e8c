import type { Device } from '../../shared/model/device.ts';
import { DEVICE_LABEL } from '../../shared/model/device.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { VirtualMachineInstance } from '../../shared/model/virtual-machine-instance.ts';
import { runStrategyOf } from '../../shared/model/virtual-machine.ts';
import type { MachineRow, Tables } from '../ports.ts';
import type { Candidate } from '../machines/place.ts';
import { placeMachine } from '../machines/place.ts';
import type { MachineObject } from '../machines/desired.ts';
import type { Knowledge } from '../machines/describe-machine.ts';
import { describeInstance, describeVirtualMachine, hasInstance } from '../machines/describe-machine.ts';
import type { Now } from '../machines/instance.ts';
import { compileInstance, isOwned, isOwnedBy } from '../machines/instance.ts';
import type { MachineKey } from './machine-key.ts';
import { objectKey } from './machine-key.ts';

/** Keeps a deleted machine's object until its device has removed the machine. */
const FINALIZER = 'holdfast.dev/machine';

/**
 * Brings what the hub keeps of one machine in line: its placement, its object's status, its instance object.
 * Level-triggered: with nothing to do it changes nothing. Returns the device whose desired document may differ now.
 */
export async function reconcileMachine(
  tables: Tables,
  key: MachineKey,
  now: Now,
): Promise<string | undefined> {
  const { objects, machines } = tables;
  const found = (await objects.get(objectKey(key))) as MachineObject | undefined;
  const object = found?.metadata.uid === key.uid ? found : undefined;
  if (object?.kind === 'VirtualMachineInstance' && isOwned(object)) return undefined;

  const row = await machines.get(key.uid);
  if (object === undefined || isDeleting(object)) return removeMachine(tables, row, object);

  const placed = row === undefined ? await place(tables, object) : { row, waiting: '' };
  const labelled = placed.row === undefined ? object : claim(object, placed.row.device);
  await project(tables, labelled, placed.row, placed.waiting, now);
  return placed.row?.device;
}

async function place({ objects, machines }: Tables, object: MachineObject) {
  const spec = object.kind === 'VirtualMachine' ? object.spec.template.spec : object.spec;
  const devices = (await objects.list('holdfast.dev/Device')) as unknown as Device[];
  const candidates = devices.map(({ metadata }): Candidate => ({
    name: metadata.name,
    labels: metadata.labels ?? {},
  }));
  const placement = placeMachine(spec.nodeSelector ?? {}, candidates);
  if ('waiting' in placement) return { row: undefined, waiting: placement.waiting };
  const { kind, metadata } = object;
  const row: MachineRow = {
    uid: metadata.uid ?? '',
    kind,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    device: placement.device,
    removing: false,
  };
  await machines.put(row);
  return { row, waiting: '' };
}

/** The object with its device's label and the finalizer that keeps it until that device is done with it. */
function claim<T extends MachineObject>(object: T, device: string): T {
  const { labels, finalizers } = object.metadata;
  const metadata = {
    ...object.metadata,
    labels: { ...labels, [DEVICE_LABEL]: device },
    finalizers: [...(finalizers ?? []).filter((one) => one !== FINALIZER), FINALIZER],
  };
  return { ...object, metadata };
}

async function project(
  tables: Tables,
  object: MachineObject,
  row: MachineRow | undefined,
  waiting: string,
  now: Now,
) {
  const device = row === undefined ? undefined : await tables.devices.get(row.device);
  const known: Knowledge = {
    generation: object.metadata.generation ?? 1,
    runStrategy: object.kind === 'VirtualMachine' ? runStrategyOf(object.spec) : 'Once',
    deleting: isDeleting(object),
    row,
    device,
    waiting,
    nowMs: now.nowMs,
  };
  if (object.kind === 'VirtualMachineInstance') {
    return put(tables, { ...object, status: describeInstance(known, object.status) });
  }
  await put(tables, { ...object, status: describeVirtualMachine(known, object.status) });
  const key = objectKey({
    kind: 'VirtualMachineInstance',
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
  });
  const before = (await tables.objects.get(key)) as VirtualMachineInstance | undefined;
  if (before !== undefined && !isOwnedBy(before, object)) return;
  if (row !== undefined && hasInstance(known)) {
    const instance = compileInstance(object, row, before, now);
    await put(tables, { ...instance, status: describeInstance(known, before?.status) });
  } else if (before !== undefined) {
    await tables.objects.remove(key);
  }
}

/** Takes a deleted machine further: told to its device, and forgotten when that has removed it. */
async function removeMachine(
  tables: Tables,
  row: MachineRow | undefined,
  object: MachineObject | undefined,
): Promise<string | undefined> {
  const isGone = row?.status?.state === 'Removed';
  if (row !== undefined && !isGone) {
    if (!row.removing) await tables.machines.put({ ...row, removing: true });
    if (object?.kind === 'VirtualMachine') {
      const status = { ...object.status, printableStatus: 'Terminating' };
      await put(tables, { ...object, status });
    }
    return row.device;
  }
  if (row !== undefined) await tables.machines.remove(row.uid);
  if (object !== undefined) await release(tables, object);
  return row?.device;
}

async function release({ objects }: Tables, object: MachineObject): Promise<void> {
  const { namespace = '', name } = object.metadata;
  if (object.kind === 'VirtualMachine') {
    const instance = objectKey({ kind: 'VirtualMachineInstance', namespace, name });
    const owned = (await objects.get(instance)) as VirtualMachineInstance | undefined;
    if (owned !== undefined && isOwnedBy(owned, object)) await objects.remove(instance);
  }
  const finalizers = (object.metadata.finalizers ?? []).filter((one) => one !== FINALIZER);
  const key = objectKey({ kind: object.kind, namespace, name });
  if (finalizers.length === 0) await objects.remove(key);
  else
    await objects.put(key, {
      ...object,
      metadata: { ...object.metadata, finalizers },
    } as unknown as ResourceObject);
}

async function put({ objects }: Tables, object: MachineObject): Promise<void> {
  const { namespace = '', name } = object.metadata;
  await objects.put(objectKey({ kind: object.kind, namespace, name }), object as unknown as ResourceObject);
}

function isDeleting({ metadata }: MachineObject): boolean {
  return (metadata.deletionTimestamp ?? undefined) !== undefined;
}
