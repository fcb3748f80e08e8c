import type { Device } from '../../shared/model/device.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { VirtualMachineInstance } from '../../shared/model/virtual-machine-instance.ts';
import { runStrategyOf } from '../../shared/model/virtual-machine.ts';
import { isDeleting } from '../api/write/metadata.ts';
import { deviceKey } from '../devices/ensure-device.ts';
import { putMachineWarning } from '../devices/put-event.ts';
import type { MachineObject } from '../machines/desired.ts';
import type { Knowledge } from '../machines/describe-machine.ts';
import {
  TWINS_CONDITION,
  describeInstance,
  describeVirtualMachine,
  hasInstance,
} from '../machines/describe-machine.ts';
import type { Now } from '../machines/instance.ts';
import { compileInstance, isOwned, isOwnedBy } from '../machines/instance.ts';
import { findRelease } from '../machines/override.ts';
import { referencesOf } from '../machines/references.ts';
import type { MachineRow, Tables } from '../ports.ts';
import { findTwins } from '../resolve/mac-twins.ts';
import { keepProfile } from '../resolve/keep-profile.ts';
import type { Resolution } from '../resolve/resolve-machine.ts';
import { resolveMachine, resolveProfile } from '../resolve/resolve-machine.ts';
import type { Fleet } from './fleet.ts';
import type { MachineKey } from './machine-key.ts';
import { instanceKey, objectKey } from './machine-key.ts';
import { keepReferences } from './keep-references.ts';
import { findElsewhere, findPlace } from './place-machine.ts';
import { placeVolumes } from './place-volumes.ts';
import { claim, putMachine } from './put-machine.ts';
import { removeMachine, removeStrayInstance } from './remove-machine.ts';
import { showOwnVolumes } from './show-own-volumes.ts';

/**
 * Brings what the hub keeps of one machine in line: its placement, its object's status, its instance object.
 * Level-triggered: with nothing to do it changes nothing. Returns the device whose desired document may differ now.
 */
export async function reconcileMachine(
  tables: Tables,
  key: MachineKey,
  fleet: Fleet,
  now: Now,
): Promise<string | undefined> {
  const { objects, machines } = tables;
  await removeStrayInstance(tables, key);
  const row = await machines.get(key.uid);
  // A row knows its machine's name. A key may have come from an owner reference, in which clients write what they
  // like: by a wrong name there, a machine would be taken for deleted, and lose its disks.
  const found = (await objects.get(objectKey(row ?? key))) as MachineObject | undefined;
  const object = found?.metadata.uid === key.uid ? found : undefined;
  if (object?.kind === 'VirtualMachineInstance' && isOwned(object)) return undefined;
  if (object === undefined || isDeleting(object.metadata)) return removeMachine(tables, key, row, object);

  const kept = object.kind === 'VirtualMachine' ? await keepProfile(tables, object, now) : object;
  const filled = await resolveProfile(tables, kept);
  const described = filled.object ?? kept;
  await keepReferences(tables, { ...key, ...identityOf(kept) }, described);
  // What can't be described has no place to go to: its nodeSelector may be part of what is missing.
  const placed =
    row !== undefined || filled.object === undefined
      ? { row, waiting: '' }
      : await findPlace(tables, described, fleet);
  const labelled = placed.row === undefined ? kept : claim(kept, placed.row.device);
  const resolution = placed.row === undefined ? filled : await resolve(tables, kept, described, placed.row);
  await project(tables, labelled, resolution, placed, fleet, now);
  return placed.row?.device;
}

function identityOf({ kind, metadata }: MachineObject) {
  return { kind, namespace: metadata.namespace ?? '', name: metadata.name };
}

/** With all that it names, of which a data volume without a device gets this one's. */
async function resolve(tables: Tables, object: MachineObject, described: MachineObject, row: MachineRow) {
  await placeVolumes(tables, referencesOf(described), row);
  return resolveMachine(tables, object, row.device);
}

/** The order given on the box that the hub has released, where one holds. */
async function released(
  { objects }: Tables,
  object: MachineObject,
  row: MachineRow | undefined,
): Promise<string | undefined> {
  if (row?.status?.override === undefined) return undefined;
  return findRelease(row, object, (await objects.get(deviceKey(row.device))) as Device | undefined);
}

async function project(
  tables: Tables,
  object: MachineObject,
  resolution: Resolution,
  { row, waiting }: { readonly row: MachineRow | undefined; readonly waiting: string },
  fleet: Fleet,
  now: Now,
) {
  const described = resolution.object ?? object;
  const known: Knowledge = {
    generation: object.metadata.generation ?? 1,
    runStrategy: object.kind === 'VirtualMachine' ? runStrategyOf(object.spec) : 'Once',
    deleting: isDeleting(object.metadata),
    row,
    device: row === undefined ? undefined : await tables.devices.get(row.device),
    waiting,
    elsewhere: row === undefined ? undefined : await findElsewhere(tables, described, row.device, fleet),
    released: await released(tables, object, row),
    problems: resolution.problems,
    twins: await findTwins(described as unknown as ResourceObject, tables),
    nowMs: now.nowMs,
  };
  await tellTwins(tables, object, known);
  if (object.kind === 'VirtualMachineInstance') {
    return putMachine(tables, { ...object, status: describeInstance(known, object.status) });
  }
  await putMachine(tables, { ...object, status: describeVirtualMachine(known, object.status) });
  await showOwnVolumes(tables, object, row, known.device, now);
  const { namespace = '', name } = object.metadata;
  const key = instanceKey({ namespace, name });
  const before = (await tables.objects.get(key)) as VirtualMachineInstance | undefined;
  // An instance of that name that stands for a machine of its own.
  if (before !== undefined && !isOwnedBy(before, object)) return;
  if (row !== undefined && described.kind === 'VirtualMachine' && hasRun(resolution, known, before)) {
    const instance = compileInstance(described, row, before, now);
    const spec = resolution.object === undefined && before !== undefined ? before.spec : instance.spec;
    await putMachine(tables, { ...instance, spec, status: describeInstance(known, before?.status) });
  } else if (before !== undefined) {
    await tables.objects.remove(key);
  }
}

/** Tells of machines with its address once: what its status has of them already was told. */
async function tellTwins({ objects }: Tables, object: MachineObject, { twins, nowMs }: Knowledge) {
  const message = twins.join('; ');
  const told = object.status?.conditions?.find(({ type }) => type === TWINS_CONDITION)?.message ?? '';
  if (message === told || message === '') return;
  const { uid = '' } = object.metadata;
  await putMachineWarning(
    objects,
    { ...identityOf(object), uid },
    { reason: TWINS_CONDITION, message, atMs: nowMs },
  );
}

/** An instance can't be shown of a description that is not whole, unless it is there already and goes on. */
function hasRun(
  resolution: Resolution,
  known: Knowledge,
  before: VirtualMachineInstance | undefined,
): boolean {
  return hasInstance(known) && (resolution.object !== undefined || before !== undefined);
}
