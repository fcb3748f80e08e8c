import type { GoneMessage } from '../../shared/protocol/messages.ts';
import type { Batch } from './batch.ts';

/** Takes a last will or a goodbye in; false where it is of an older connection than is known, or says nothing new. */
export function takeGone(
  batch: Batch,
  device: string,
  { epoch, connection }: GoneMessage,
  nowMs: number,
): boolean {
  const row = batch.device(device);
  if (row?.epoch !== epoch || connection < row.connection || row.presence === 'disconnected') return false;
  batch.putDevice({ ...row, presence: 'disconnected', presenceSinceMs: nowMs });
  batch.note({
    device,
    kind: 'link',
    type: 'Normal',
    reason: 'Disconnected',
    message: 'the link was lost, or the agent stopped',
    happenedAtMs: nowMs,
    learnedAtMs: nowMs,
    epoch,
  });
  return true;
}
