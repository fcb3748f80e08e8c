import { formatSeconds, formatTime } from '../../shared/base/time.ts';
import type { DeviceFacts, DeviceStatus } from '../../shared/model/device.ts';
import type { ConditionDraft } from '../machines/conditions.ts';
import { settleConditions } from '../machines/conditions.ts';
import type { DeviceRow } from '../ports.ts';

const LAST_RECEIVED_STEP_MS = 30_000;

/** What the hub knows of a device, as its object's status. */
export function describeDevice(
  row: DeviceRow,
  machines: number,
  facts: DeviceFacts | undefined,
  before: DeviceStatus | undefined,
  nowMs: number,
): DeviceStatus {
  return {
    conditions: settleConditions([describeConnected(row), describeApplied(row)], before?.conditions, nowMs),
    ...(facts === undefined ? {} : { facts }),
    desiredGeneration: row.generation,
    observedGeneration: row.heldGeneration,
    machines,
    ...describeLastReceived(row, before),
  };
}

/** Told in steps, so that a talkative device does not change its object with every word. */
function describeLastReceived({ reportedAtMs }: DeviceRow, before: DeviceStatus | undefined): DeviceStatus {
  if (reportedAtMs === undefined) return {};
  const toldMs = before?.lastReceivedTime === undefined ? -Infinity : Date.parse(before.lastReceivedTime);
  const isFresh = reportedAtMs - toldMs < LAST_RECEIVED_STEP_MS;
  return {
    lastReceivedTime:
      isFresh && before?.lastReceivedTime !== undefined
        ? before.lastReceivedTime
        : formatSeconds(reportedAtMs),
  };
}

function describeConnected({ presence, presenceSinceMs }: DeviceRow): ConditionDraft {
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
        message: `the hub started at ${since} and has not heard it since`,
      };
  }
}

function describeApplied({ generation, heldGeneration, problems }: DeviceRow): ConditionDraft {
  const draft = { type: 'DesiredHeld' };
  if (heldGeneration !== generation) {
    const message = `the device holds generation ${heldGeneration} of ${generation}`;
    return { ...draft, status: 'False', reason: 'Behind', message };
  }
  return problems.length === 0
    ? { ...draft, status: 'True', reason: 'Held', message: `the device holds generation ${generation}` }
    : { ...draft, status: 'False', reason: 'PartlyRefused', message: problems.join('; ') };
}
