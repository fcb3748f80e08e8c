import type { MachineStatus } from '../../shared/model/machine.ts';
import { formatCauses } from '../../shared/model/validate.ts';
import type { EventBody, Report } from '../../shared/protocol/messages.ts';
import { parseBody } from '../../shared/protocol/report-body.ts';
import type { TimelineEntry } from '../ports.ts';
import type { Batch } from './batch.ts';
import { putUnknownMachine } from './put-event.ts';

/** What reports of a device changed, and so who has to look. */
export interface Changes {
  device: boolean;
  machines: boolean;
  events: boolean;
}

/** When and where a report was made. */
export type ReportTimes = Required<
  Pick<TimelineEntry, 'epoch' | 'happenedAtMs' | 'deviceTimeMs' | 'learnedAtMs'>
>;

/** The longest text of a report that can't be read that is kept. */
const UNREADABLE_CHARS = 4096;

/** Takes one report in; to be called in the transaction that raises what is acknowledged. */
export async function takeReport(
  batch: Batch,
  device: string,
  report: Report,
  times: ReportTimes,
  changes: Changes,
): Promise<void> {
  const row = batch.device(device);
  if (row === undefined) return;
  const note = (entry: Pick<TimelineEntry, 'kind' | 'type' | 'reason' | 'message' | 'machine'>) =>
    batch.note({ device, ...entry, ...times, sequence: report.sequence });
  const noteEvent = ({ kind, type, reason, message, machine }: EventBody) => {
    note({ kind, type, reason, message, ...(machine !== undefined && { machine }) });
    changes.events = true;
  };
  const body = parseBody(report.body);
  if (!body.ok) {
    // Nothing reported is lost: what can't be read here is kept for someone to read.
    const text = `unreadable report (${formatCauses(body.causes)}): ${JSON.stringify(report.body)}`;
    const message = text.slice(0, UNREADABLE_CHARS);
    return noteEvent({ kind: 'event', type: 'Warning', reason: 'UnreadableReport', message });
  }
  switch (body.value.kind) {
    case 'event':
      return noteEvent(body.value);
    case 'machine': {
      const { status } = body.value;
      const { uid, namespace, name, kind, state, message } = status;
      note({
        kind: 'state',
        type: 'Normal',
        reason: state,
        message,
        machine: { uid, namespace, name, kind },
      });
      changes.machines = true;
      return takeStatus(batch, device, status, times.learnedAtMs);
    }
    case 'device': {
      batch.putDevice({ ...row, facts: body.value.facts });
      note({ kind: 'state', type: 'Normal', reason: 'Facts', message: 'told what the box is' });
      changes.device = true;
      return;
    }
    case 'metrics': {
      const { metrics } = body.value;
      batch.putDevice({ ...row, metrics });
      note({ kind: 'metrics', type: 'Normal', reason: 'Metrics', message: JSON.stringify(metrics) });
      changes.device = true;
      return;
    }
    case 'held': {
      const { entry } = body.value;
      if (row.untold && typeof entry.uid === 'string') {
        await batch.tables.held.put({ device, uid: entry.uid, entry });
      }
      return;
    }
    case 'desired': {
      const { generation, problems } = body.value;
      batch.putDevice({ ...row, heldGeneration: generation, problems, untold: false });
      const held = { kind: 'desired', type: 'Normal', reason: 'Held' } as const;
      note({ ...held, message: `the device holds generation ${generation}` });
      changes.device = true;
    }
  }
}

async function takeStatus(
  batch: Batch,
  device: string,
  status: MachineStatus,
  reportedAtMs: number,
): Promise<void> {
  const machine = await batch.tables.machines.get(status.uid);
  if (machine === undefined) {
    const row = batch.device(device);
    // A last word of a machine that was removed; any other is of one that was there before the hub was set back.
    if (status.state !== 'Removed' && row !== undefined)
      await putUnknownMachine(batch.tables.objects, row, status, reportedAtMs);
    return;
  }
  // A machine that is placed elsewhere is not this device's to speak of.
  if (machine.device !== device) return;
  // By the hub's clock, like all that it says of when it was told: a box's may be years off.
  await batch.tables.machines.put({ ...machine, status, reportedAtMs });
}
