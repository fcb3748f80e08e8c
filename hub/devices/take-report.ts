import type { MachineStatus } from '../../shared/model/machine.ts';
import { machineUid } from '../../shared/model/machine.ts';
import { formatCauses } from '../../shared/model/validate.ts';
import type { EventBody, Report } from '../../shared/protocol/messages.ts';
import { parseBody } from '../../shared/protocol/report-body.ts';
import type { DeviceRow, TimelineEntry } from '../ports.ts';
import { speaksFor } from '../recover/place-row.ts';
import { takeTold } from '../recover/take-told.ts';
import type { Batch } from './batch.ts';

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
  // Nothing reported is lost: what can't be read here is kept for someone to read.
  const noteUnreadable = (why: string) => {
    const text = `unreadable report (${why}): ${JSON.stringify(report.body)}`;
    const message = text.slice(0, UNREADABLE_CHARS);
    noteEvent({ kind: 'event', type: 'Warning', reason: 'UnreadableReport', message });
  };
  const body = parseBody(report.body);
  if (!body.ok) return noteUnreadable(formatCauses(body.causes));
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
      const isKnown = await takeStatus(batch, row, status, times);
      if (!isKnown) batch.putDevice({ ...row, untold: true, toldAll: false });
      return;
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
      return;
    }
    case 'held': {
      const { entry, status } = body.value;
      const uid = machineUid.safeParse(entry.uid);
      if (!uid.success) return noteUnreadable('it does not say which machine it is about');
      const from = { heardAtMs: times.learnedAtMs, epoch: times.epoch };
      return batch.tables.held.put({ device, uid: uid.data, entry, ...from, ...(status && { status }) });
    }
    case 'told': {
      const { generation, machines } = body.value;
      await takeTold(batch.tables, row, { epoch: times.epoch, generation, machines }, times.learnedAtMs);
      batch.putDevice({ ...row, untold: true, toldAll: true });
      note({ kind: 'state', type: 'Normal', reason: 'Told', message: `told of ${machines.length} machines` });
      changes.device = true;
      return;
    }
    case 'desired': {
      const { generation, problems } = body.value;
      batch.putDevice({ ...row, heldGeneration: generation, problems });
      const held = { kind: 'desired', type: 'Normal', reason: 'Held' } as const;
      note({ ...held, message: `the device holds generation ${generation}` });
      changes.device = true;
    }
  }
}

/** The result is false where this hub should know the machine and does not. */
async function takeStatus(
  { tables: { held, machines } }: Batch,
  device: DeviceRow,
  status: MachineStatus,
  { learnedAtMs: reportedAtMs, epoch: reportedEpoch }: ReportTimes,
): Promise<boolean> {
  const { uid } = status;
  const machine = await machines.get(uid);
  if (machine === undefined) {
    const known = await held.get(device.name, uid);
    if (status.state === 'Removed') await held.remove(device.name, uid);
    else if (known !== undefined) await held.put({ ...known, status, heardAtMs: reportedAtMs });
    // A last word is of a machine that was removed; any other is of one that was there before the hub was set back.
    return status.state === 'Removed' || known !== undefined;
  }
  // A machine that is placed elsewhere is not this device's to speak of.
  if (machine.device !== device.name || !speaksFor(device, machine, reportedEpoch)) return true;
  const { heldBack, ...rest } = machine;
  const isBack = heldBack?.reason === 'Gone' && status.state !== 'Removed';
  const kept = isBack || heldBack === undefined ? rest : machine;
  // By the hub's clock, like all that it says of when it was told: a box's may be years off.
  await machines.put({ ...kept, status, reportedAtMs, reportedEpoch });
  return true;
}
