import type { Report, ReportMessage } from '../../shared/protocol/messages.ts';
import type { StreamRow } from '../ports.ts';
import type { Batch } from './batch.ts';
import { clockAheadMs, happenedAtMs } from './device-clock.ts';
import type { Changes } from './take-report.ts';
import { takeReport } from './take-report.ts';

export interface Taken extends Changes {
  readonly stream: StreamRow;
}

/**
 * Takes reports in, as far as they follow without a gap on what is committed; undefined where they are of a store
 * that has not said hello: the device will, and send them again.
 */
export async function takeReports(
  batch: Batch,
  device: string,
  { epoch, sent, reports }: ReportMessage,
  nowMs: number,
): Promise<Taken | undefined> {
  const stream = batch.stream(device, epoch);
  const row = batch.device(device);
  if (stream === undefined || row === undefined) return undefined;
  const aheadMs = clockAheadMs(row.clockAheadMs, sent, nowMs);
  const changes: Changes = { device: false, events: false, machines: false };
  let { acknowledged } = stream;
  for (const report of reports) {
    if (report.sequence <= acknowledged) continue;
    if (report.sequence > acknowledged + 1) break;
    acknowledged = report.sequence;
    const seen = { epoch, learnedAtMs: nowMs, ...timesOf(report, sent, nowMs, aheadMs) };
    await takeReport(batch, device, report, seen, changes);
  }
  const after: StreamRow = { ...stream, acknowledged, heardAtMs: nowMs };
  batch.putStream(after);
  return { ...changes, stream: after };
}

function timesOf(report: Report, sent: ReportMessage['sent'], nowMs: number, aheadMs: number) {
  return {
    happenedAtMs: happenedAtMs(report, sent, nowMs, aheadMs),
    deviceTimeMs: Date.parse(report.happenedAt),
  };
}
