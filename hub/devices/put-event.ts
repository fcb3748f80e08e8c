import { formatMicros, formatSeconds } from '../../shared/base/time.ts';
import type { Event, ObjectReference } from '../../shared/model/event.ts';
import type { MachineStatus } from '../../shared/model/machine.ts';
import type { EventBody, Report } from '../../shared/protocol/messages.ts';
import type { DeviceRow, ObjectTable } from '../ports.ts';

/** The object of an event: named by its place in the device's stream, so that it can't be there twice. */
export async function putEvent(
  objects: ObjectTable,
  row: DeviceRow,
  report: Report,
  { machine, type, reason, message }: EventBody,
): Promise<void> {
  const happenedAtMs = Date.parse(report.happenedAt);
  const place = `${row.epoch.slice(0, 8)}${String(report.sequence).padStart(10, '0')}`;
  const event: Event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      name: `${(machine?.name ?? row.name).slice(0, 230)}.${place}`,
      namespace: machine?.namespace ?? 'default',
      uid: `${row.epoch}-${report.sequence}`,
      creationTimestamp: formatSeconds(row.reportedAtMs ?? happenedAtMs),
      annotations: { 'holdfast.dev/sequence': String(report.sequence) },
    },
    involvedObject: machine === undefined ? referTo(row) : { apiVersion: 'kubevirt.io/v1', ...machine },
    type,
    reason,
    message,
    ...saidBy('holdfast-agent', row),
    ...happenedAt(happenedAtMs),
  };
  await put(objects, event);
}

/**
 * Says that a device has a machine that the hub does not know, as after the hub was restored from a backup: someone
 * has to see to it, because nobody else will. Named by the machine, so that it is said once and not with each report.
 */
export async function putUnknownMachine(
  objects: ObjectTable,
  row: DeviceRow,
  { uid, namespace, name }: MachineStatus,
): Promise<void> {
  const atMs = row.reportedAtMs ?? row.presenceSinceMs;
  const event: Event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      name: `${row.name}.${uid}`,
      namespace: 'default',
      uid: `${row.epoch}-${uid}`,
      creationTimestamp: formatSeconds(atMs),
    },
    involvedObject: referTo(row),
    type: 'Warning',
    reason: 'UnknownMachine',
    message: `runs machine ${namespace}/${name} (${uid}), which this hub does not know; it was left alone`,
    ...saidBy('holdfast-hub', row),
    ...happenedAt(atMs),
  };
  if ((await objects.get(keyOf(event))) === undefined) await put(objects, event);
}

function referTo({ name }: DeviceRow): ObjectReference {
  return { apiVersion: 'holdfast.dev/v1alpha1', kind: 'Device', name };
}

function saidBy(component: string, { name }: DeviceRow) {
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
