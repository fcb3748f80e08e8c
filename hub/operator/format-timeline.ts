import { formatTable } from '../../shared/base/table.ts';
import { formatAge } from '../api/view/duration.ts';
import type { TimelineItem } from '../api/subresources/timeline.ts';

/** What is learned within this time was learned as it happened. */
const AT_ONCE_MS = 5_000;

/** A device's history for people: a line for each thing, with how much later it was learned. */
export function formatTimeline(items: readonly TimelineItem[]): string {
  if (items.length === 0) return 'nothing is known of that time';
  const rows = items.map((item) => [
    formatMoment(item.happenedAt),
    formatDelay(item),
    item.type === 'Warning' ? `! ${item.reason}` : item.reason,
    item.machine === undefined ? '-' : `${item.machine.namespace}/${item.machine.name}`,
    describeItem(item),
  ]);
  return formatTable([['HAPPENED', 'LEARNED', 'WHAT', 'MACHINE', 'MESSAGE'], ...rows]);
}

function describeItem({ message, deviceTime }: TimelineItem): string {
  // Words of a guest or of QEMU may be among it, which are not to steer anybody's terminal.
  const line = message.replaceAll(/\p{C}+/gu, ' ');
  return deviceTime === undefined ? line : `${line} (${formatMoment(deviceTime)} by the box's clock)`;
}

/** `2026-03-01 08:30:00Z` */
function formatMoment(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19)}Z`;
}

function formatDelay({ happenedAt, learnedAt }: TimelineItem): string {
  const delayMs = Date.parse(learnedAt) - Date.parse(happenedAt);
  return delayMs < AT_ONCE_MS ? 'at once' : `${formatAge(delayMs)} later`;
}
