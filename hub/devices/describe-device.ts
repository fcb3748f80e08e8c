import { formatSeconds, formatTime } from '../../shared/base/time.ts';
import type { DeviceStatus } from '../../shared/model/device.ts';
import type { ConditionDraft } from '../machines/conditions.ts';
import { settleConditions } from '../machines/conditions.ts';
import { countOverrides, describeOverrides } from '../machines/override.ts';
import type { DeviceRow, MachineRow } from '../ports.ts';

const LAST_RECEIVED_STEP_MS = 30_000;
/** A clock that is further off than this is worth a look; less is the time that messages take. */
const CLOCK_TOLERANCE_MS = 30_000;

/** What the hub knows of a device, as its object's status; `heardAtMs` is when it was last heard. */
export function describeDevice(
  row: DeviceRow,
  machines: readonly MachineRow[],
  heardAtMs: number | undefined,
  before: DeviceStatus | undefined,
  nowMs: number,
): DeviceStatus {
  const drafts = [
    describeConnected(row),
    describeApplied(row),
    ...describeTroubles(row),
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
    ...describeLastReceived(heardAtMs, before),
  };
}

function isClockOff({ clockAheadMs }: DeviceRow): boolean {
  return Math.abs(clockAheadMs) > CLOCK_TOLERANCE_MS;
}

/** Told in steps, so that a talkative device does not change its object with every word. */
function describeLastReceived(
  heardAtMs: number | undefined,
  before: DeviceStatus | undefined,
): Pick<DeviceStatus, 'lastReceivedTime'> {
  if (heardAtMs === undefined) return {};
  const toldMs = before?.lastReceivedTime === undefined ? -Infinity : Date.parse(before.lastReceivedTime);
  const isFresh = heardAtMs - toldMs < LAST_RECEIVED_STEP_MS;
  return {
    lastReceivedTime:
      isFresh && before?.lastReceivedTime !== undefined ? before.lastReceivedTime : formatSeconds(heardAtMs),
  };
}

function describeTroubles(row: DeviceRow): ConditionDraft[] {
  const { boots, duplicateSinceMs, clockAheadMs } = row;
  const drafts: ConditionDraft[] = [];
  const add = (type: string, reason: string, message: string) =>
    drafts.push({ type, status: 'True', reason, message });
  if (duplicateSinceMs !== undefined) {
    const boxes = boots.map(
      ({ hostname, serial, addresses, bootId, heardAtMs }) =>
        `${hostname} (${[serial, ...addresses, `boot ${bootId}`].filter(Boolean).join(', ')}), heard at ${formatTime(heardAtMs)}`,
    );
    const message = `two boxes have this name, and take the link from each other: ${boxes.join('; ')}. Give one another name, or switch it off`;
    add('DuplicateIdentity', 'TwoBoxes', message);
  }
  if (isClockOff(row)) {
    const direction = clockAheadMs > 0 ? 'ahead of' : 'behind';
    const message = `the device's clock is ${Math.round(Math.abs(clockAheadMs) / 1000)} s ${direction} the hub's`;
    add('ClockWrong', 'ClockWrong', message);
  }
  return drafts;
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
