import { isSameJson } from '../../shared/base/same-json.ts';
import { formatSeconds, formatTime } from '../../shared/base/time.ts';
import type { DeviceStatus } from '../../shared/model/device.ts';
import type { ConditionDraft } from '../machines/conditions.ts';
import { settleConditions } from '../machines/conditions.ts';
import { countOverrides, describeOverrides } from '../machines/override.ts';
import type { BootSeen, DeviceRow, MachineRow } from '../ports.ts';

/** By which an operator says that of two boxes of this name only one is left. */
export const ONE_BOX_ANNOTATION = 'holdfast.dev/one-box';

/** For how long after it was heard a box is shown as one of two. */
const SHOWN_MS = 24 * 3_600_000;
/** A clock that is further off than this is worth a look; less is the time that messages take. */
const CLOCK_TOLERANCE_MS = 30_000;

/**
 * What the hub knows of a device, as its object's status; `leftAlone` says which of the machines that it holds could
 * not be taken in, `heardAtMs` is when it was last heard.
 */
export function describeDevice(
  row: DeviceRow,
  leftAlone: readonly string[],
  machines: readonly MachineRow[],
  heardAtMs: number | undefined,
  before: DeviceStatus | undefined,
  nowMs: number,
): DeviceStatus {
  const drafts = [
    describeConnected(row),
    describeApplied(row),
    ...describeTroubles(row, leftAlone, nowMs),
    ...describeOverrides(machines),
  ];
  return {
    conditions: settleConditions(drafts, before?.conditions, nowMs),
    ...(row.facts === undefined ? {} : { facts: row.facts }),
    ...(row.metrics === undefined ? {} : { metrics: row.metrics }),
    ...(isClockOff(row) && { clockAheadMilliseconds: row.clockAheadMs }),
    desiredGeneration: row.generation,
    observedGeneration: row.heldGeneration,
    machines: machines.length,
    overriddenMachines: countOverrides(machines),
    ...(heardAtMs !== undefined && { lastReceivedTime: formatSeconds(heardAtMs) }),
  };
}

function isClockOff({ clockAheadMs }: DeviceRow): boolean {
  return Math.abs(clockAheadMs) > CLOCK_TOLERANCE_MS;
}

/**
 * Whether two statuses say the same but for what changes all the time: when the device was heard and what it uses.
 * That is served beside its object, as its Lease and its NodeMetrics, and alone does not change the object.
 */
export function saysTheSame(before: DeviceStatus | undefined, now: DeviceStatus): boolean {
  if (before === undefined) return false;
  const { lastReceivedTime: heardBefore, metrics: usedBefore, ...stable } = before;
  const { lastReceivedTime, metrics, ...stableNow } = now;
  return isSameJson(stable, stableNow);
}

function describeTroubles(row: DeviceRow, leftAlone: readonly string[], nowMs: number): ConditionDraft[] {
  const { boots, duplicateSinceMs, clockAheadMs } = row;
  const drafts: ConditionDraft[] = [];
  const add = (type: string, reason: string, message: string) =>
    drafts.push({ type, status: 'True', reason, message });
  if (duplicateSinceMs !== undefined) {
    const shown = boots.filter(({ renewed, heardAtMs }) => renewed !== true && nowMs - heardAtMs < SHOWN_MS);
    const message =
      `two boxes have this name, and take the link from each other: ${shown.map(describeBox).join('; ')}. Give one ` +
      `another name, or switch it off, and say so with the annotation ${ONE_BOX_ANNOTATION} here, or wait for a day`;
    add('DuplicateIdentity', 'TwoBoxes', message);
  }
  if (leftAlone.length > 0) add('UnknownMachines', 'LeftAlone', leftAlone.join('; '));
  if (isClockOff(row)) {
    const direction = clockAheadMs > 0 ? 'ahead of' : 'behind';
    const message = `the device's clock is ${Math.round(Math.abs(clockAheadMs) / 1000)} s ${direction} the hub's`;
    add('ClockWrong', 'ClockWrong', message);
  }
  return drafts;
}

function describeBox({ hostname, serial, addresses, bootId, heardAtMs }: BootSeen): string {
  const marks = [serial, ...addresses, `boot ${bootId}`].filter((mark) => mark !== undefined);
  return `${hostname} (${marks.join(', ')}), heard at ${formatTime(heardAtMs)}`;
}

function describeConnected({ presence, presenceSinceMs, refusal }: DeviceRow): ConditionDraft {
  if (refusal !== undefined) return { type: 'Connected', status: 'False', ...refusal };
  const since = formatTime(presenceSinceMs);
  switch (presence) {
    case 'connected':
      return { type: 'Connected', status: 'True', reason: 'Connected', message: `connected since ${since}` };
    case 'disconnected':
      return {
        type: 'Connected',
        status: 'False',
        reason: 'LinkDown',
        message: `not connected since ${since}`,
      };
    case 'unknown':
      return {
        type: 'Connected',
        status: 'Unknown',
        reason: 'NotHeard',
        message: `not heard since ${since}`,
      };
  }
}

function describeApplied({ generation, heldGeneration, problems, untold }: DeviceRow): ConditionDraft {
  const draft = { type: 'DesiredHeld' };
  if (untold) {
    const message = 'the device knows more than this hub does, and is to tell it before it gets anything new';
    return { ...draft, status: 'Unknown', reason: 'HubBehind', message };
  }
  if (heldGeneration !== generation) {
    const message = `the device holds generation ${heldGeneration} of ${generation}`;
    return { ...draft, status: 'False', reason: 'Behind', message };
  }
  return problems.length === 0
    ? { ...draft, status: 'True', reason: 'Held', message: `the device holds generation ${generation}` }
    : { ...draft, status: 'False', reason: 'PartlyRefused', message: problems.join('; ') };
}
