import { formatMicros, formatSeconds } from '../../shared/base/time.ts';
import type { Device } from '../../shared/model/device.ts';
import type { Event, ObjectReference } from '../../shared/model/event.ts';
import type { EventBody, Report } from '../../shared/protocol/messages.ts';
import { reportBody } from '../../shared/protocol/messages.ts';
import { formatCauses, validate } from '../../shared/model/validate.ts';
import type { DeviceRow, Tables } from '../ports.ts';
import { deviceKey } from './ensure-device.ts';

/** Takes one report in; to be called in the transaction that raises what is acknowledged. Returns the device after it. */
export async function takeReport(
  { objects, machines }: Tables,
  row: DeviceRow,
  report: Report,
): Promise<DeviceRow> {
  const body = validate(reportBody, report.body);
  if (!body.ok) {
    // Nothing reported is lost: what can't be read here is kept for someone to read.
    const message = `unreadable report (${formatCauses(body.causes)}): ${JSON.stringify(report.body)}`.slice(
      0,
      4096,
    );
    const event = { kind: 'event', type: 'Warning', reason: 'UnreadableReport', message } as const;
    await putEvent(objects, row, report, event);
    return row;
  }
  switch (body.value.kind) {
    case 'event':
      await putEvent(objects, row, report, body.value);
      return row;
    case 'machine': {
      const { status } = body.value;
      const machine = await machines.get(status.uid);
      // A machine that is gone, or placed elsewhere, is not this device's to speak of.
      if (machine?.device !== row.name) return row;
      await machines.put({ ...machine, status, reportedAtMs: Date.parse(report.happenedAt) });
      return row;
    }
    case 'device': {
      const device = (await objects.get(deviceKey(row.name))) as Device | undefined;
      if (device === undefined) return row;
      const status = { ...device.status, facts: body.value.facts };
      await objects.put(deviceKey(row.name), { ...device, status });
      return row;
    }
    case 'desired':
      return { ...row, heldGeneration: body.value.generation, problems: body.value.problems };
  }
}

/** The object of an event: named by its place in the device's stream, so that it can't be there twice. */
async function putEvent(
  objects: Tables['objects'],
  row: DeviceRow,
  report: Report,
  body: EventBody,
): Promise<void> {
  const { machine, type, reason, message } = body;
  const involvedObject: ObjectReference =
    machine === undefined
      ? { apiVersion: 'holdfast.dev/v1alpha1', kind: 'Device', name: row.name }
      : { apiVersion: 'kubevirt.io/v1', ...machine };
  const namespace = machine?.namespace ?? 'default';
  const place = `${row.epoch.slice(0, 8)}${String(report.sequence).padStart(10, '0')}`;
  const name = `${(machine?.name ?? row.name).slice(0, 230)}.${place}`;
  const happenedAtMs = Date.parse(report.happenedAt);
  const time = formatSeconds(happenedAtMs);
  const event: Event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      name,
      namespace,
      uid: `${row.epoch}-${report.sequence}`,
      creationTimestamp: formatSeconds(row.reportedAtMs ?? happenedAtMs),
      annotations: { 'holdfast.dev/sequence': String(report.sequence) },
    },
    involvedObject,
    type,
    reason,
    message,
    source: { component: 'holdfast-agent', host: row.name },
    reportingComponent: 'holdfast-agent',
    reportingInstance: row.name,
    firstTimestamp: time,
    lastTimestamp: time,
    eventTime: formatMicros(happenedAtMs),
    count: 1,
  };
  await objects.put({ kind: '/Event', namespace, name }, event);
}
