import type { ReportMessage } from '../../shared/protocol/messages.ts';
import type { DeviceRow, StreamRow } from '../ports.ts';
import type { Batch } from './batch.ts';
import { bootedAtMs, clockAheadMs, happenedAtMs } from './device-clock.ts';
import { isToTell } from './is-to-tell.ts';
import type { Changes } from './take-report.ts';
import { takeReport } from './take-report.ts';

export interface Taken extends Changes {
  readonly stream: StreamRow;
  /** It turned out that the device knows more than this hub: it is to be asked for all of it. */
  readonly knowsMore: boolean;
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
  if (stream === undefined || row === undefined || !isNewest(row, epoch, sent.bootId)) return undefined;
  const [newest, ...earlier] = row.boots;
  const current = { bootId: sent.bootId, bootedAtMs: bootedAtMs(newest, sent, nowMs) };
  const aheadMs = clockAheadMs(sent, current.bootedAtMs);
  const changes: Changes = { device: false, events: false, machines: false };
  let { acknowledged } = stream;
  for (const report of reports) {
    if (report.sequence <= acknowledged) continue;
    if (report.sequence > acknowledged + 1) break;
    acknowledged = report.sequence;
    const times = {
      epoch,
      happenedAtMs: happenedAtMs(report, [current, ...earlier], aheadMs, nowMs),
      deviceTimeMs: Date.parse(report.happenedAt),
      learnedAtMs: nowMs,
    };
    await takeReport(batch, device, report, times, changes);
  }
  const after: StreamRow = { ...stream, acknowledged, heardAtMs: nowMs };
  batch.putStream(after);
  const knowsMore = !isToTell(row) && isToTell(batch.device(device));
  return { ...changes, stream: after, knowsMore };
}

/** Whether it was the last to say hello: one whose link another box has taken comes too late. */
function isNewest({ boots: [newest] }: DeviceRow, epoch: string, bootId: string): boolean {
  if (newest === undefined) return true;
  return newest.epoch === epoch && newest.bootId === bootId && newest.renewed !== true;
}
