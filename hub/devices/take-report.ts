import type { Device } from '../../shared/model/device.ts';
import type { Report } from '../../shared/protocol/messages.ts';
import { reportBody } from '../../shared/protocol/messages.ts';
import { formatCauses, validate } from '../../shared/model/validate.ts';
import type { DeviceRow, Tables } from '../ports.ts';
import { deviceKey } from './ensure-device.ts';
import { putEvent, putUnknownMachine } from './put-event.ts';

/**
 * Takes one report in; to be called in the transaction that raises what is acknowledged. Returns the device after it.
 */
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
      if (machine === undefined) {
        // A last word of a machine that was removed; any other is of one that was there before the hub was set back.
        if (status.state !== 'Removed') await putUnknownMachine(objects, row, status);
        return row;
      }
      // A machine that is placed elsewhere is not this device's to speak of.
      if (machine.device !== row.name) return row;
      // By the hub's clock, like all that it says of when it was told: a box's may be years off.
      const { reportedAtMs } = row;
      await machines.put({ ...machine, status, ...(reportedAtMs !== undefined && { reportedAtMs }) });
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
