import { formatMicros, formatSeconds, formatTime } from '../../shared/base/time.ts';
import type { Event, ObjectReference } from '../../shared/model/event.ts';
import type { MachineIdentity } from '../../shared/model/machine.ts';
import type { DeviceRow, ObjectTable, StoredTimelineEntry } from '../ports.ts';

/** The object of an event of a device's history: named by its place there, so that it can't be there twice. */
export async function putEvent(objects: ObjectTable, entry: StoredTimelineEntry): Promise<void> {
  const { id, device, machine, type, reason, message, epoch = '', sequence = 0 } = entry;
  const place = `${epoch.slice(0, 8)}${String(sequence).padStart(10, '0')}`;
  const event: Event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      name: `${(machine?.name ?? device).slice(0, 230)}.${place}`,
      namespace: machine?.namespace ?? 'default',
      uid: `${epoch}-${sequence}`,
      creationTimestamp: formatSeconds(entry.learnedAtMs),
      annotations: {
        'holdfast.dev/sequence': String(sequence),
        'holdfast.dev/timeline-id': String(id),
        ...(entry.deviceTimeMs !== undefined && {
          'holdfast.dev/device-time': formatTime(entry.deviceTimeMs),
        }),
      },
    },
    involvedObject:
      machine === undefined
        ? await referTo(objects, device)
        : { apiVersion: apiVersionOf(machine), ...machine },
    type,
    reason,
    message,
    ...saidBy('holdfast-agent', device),
    ...happenedAt(entry.happenedAtMs),
  };
  await put(objects, event);
}

/**
 * Says that a device has a machine that this hub could not take in: someone has to see to it, because nobody else
 * will. Named by the machine, so that it is said once and not with each look at it.
 */
export async function putUnknownMachine(
  objects: ObjectTable,
  row: DeviceRow,
  uid: string,
  message: string,
  atMs: number,
): Promise<void> {
  const about = await referTo(objects, row.name);
  const [name, said] = [`${row.name}.${uid}`, { reason: 'UnknownMachine', message, atMs }];
  const event = compileWarning({ name, namespace: 'default', uid: `${row.epoch}-${uid}` }, about, said);
  if ((await objects.get(keyOf(event))) === undefined) await put(objects, event);
}

/** A warning of the hub's own about a machine, named by the time as Kubernetes names its events. */
export async function putMachineWarning(
  objects: ObjectTable,
  machine: MachineIdentity,
  said: { readonly reason: string; readonly message: string; readonly atMs: number },
): Promise<void> {
  const { namespace, name, uid } = machine;
  const time = Math.round(said.atMs).toString(16);
  const identity = { name: `${name.slice(0, 230)}.${time}`, namespace, uid: `${uid}-${time}` };
  await put(objects, compileWarning(identity, { apiVersion: apiVersionOf(machine), ...machine }, said));
}

function compileWarning(
  identity: { readonly name: string; readonly namespace: string; readonly uid: string },
  involvedObject: ObjectReference,
  { reason, message, atMs }: { readonly reason: string; readonly message: string; readonly atMs: number },
): Event {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { ...identity, creationTimestamp: formatSeconds(atMs) },
    involvedObject,
    type: 'Warning',
    reason,
    message,
    ...saidBy('holdfast-hub', involvedObject.name ?? ''),
    ...happenedAt(atMs),
  };
}

function apiVersionOf({ kind }: MachineIdentity): string {
  return kind === 'DataVolume' ? 'cdi.kubevirt.io/v1beta1' : 'kubevirt.io/v1';
}

/** With its uid, by which `kubectl describe` looks for the events of an object. */
async function referTo(objects: ObjectTable, name: string): Promise<ObjectReference> {
  const device = await objects.get({ kind: 'holdfast.dev/Device', namespace: '', name });
  const { uid } = device?.metadata ?? {};
  return { apiVersion: 'holdfast.dev/v1alpha1', kind: 'Device', name, ...(uid !== undefined && { uid }) };
}

function saidBy(component: string, name: string) {
  return { source: { component, host: name }, reportingComponent: component, reportingInstance: name };
}

function happenedAt(ms: number) {
  const time = formatSeconds(ms);
  return { firstTimestamp: time, lastTimestamp: time, eventTime: formatMicros(ms), count: 1 };
}

function keyOf({ metadata: { namespace = '', name } }: Event) {
  return { kind: '/Event', namespace, name };
}

async function put(objects: ObjectTable, event: Event): Promise<void> {
  await objects.put(keyOf(event), event);
}
