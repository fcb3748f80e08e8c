import type { DataVolumeStatus, VolumePhase } from '../../shared/model/data-volume-object.ts';
import type { MachineState, MachineStatus } from '../../shared/model/machine.ts';
import type { DeviceRow, MachineRow } from '../ports.ts';
import type { ConditionDraft } from './conditions.ts';
import { settleConditions } from './conditions.ts';
import { describeSilence } from './silence.ts';

/** What is shown of a data volume, from what its device says of it or of its machine: pure. */

export interface VolumeKnowledge {
  readonly name: string;
  /** Of the volume, or of the machine that it was made for. */
  readonly row: MachineRow | undefined;
  readonly device: DeviceRow | undefined;
  /** Why it is not there yet, where the hub knows: what it names is missing, or it is being deleted. */
  readonly waiting: string | undefined;
  readonly nowMs: number;
}

/** What a state says of a disk where its device does not say it itself; undefined where it says nothing. */
const PHASES: Readonly<Record<MachineState, VolumePhase | undefined>> = {
  Provisioning: 'ImportInProgress',
  Starting: 'Succeeded',
  Running: 'Succeeded',
  Paused: 'Succeeded',
  Stopping: 'Succeeded',
  Succeeded: 'Succeeded',
  Failed: 'Succeeded',
  BackOff: 'Succeeded',
  Stopped: undefined,
  Refused: undefined,
  Unknown: undefined,
  Removing: undefined,
  Removed: undefined,
};

/** The same of a volume of its own, which is never run. */
const OWN_PHASES: Readonly<Partial<Record<MachineState, VolumePhase>>> = {
  Provisioning: 'ImportInProgress',
  Stopped: 'Succeeded',
  Succeeded: 'Succeeded',
  Failed: 'Failed',
  Refused: 'Failed',
};

export function describeVolume(
  known: VolumeKnowledge,
  before: DataVolumeStatus | undefined,
): DataVolumeStatus {
  const { name, row, nowMs } = known;
  const told = row?.status?.dataVolumes?.find((one) => one.name === name);
  const phase = describePhase(known, before, told?.phase);
  const progress = phase === 'Succeeded' ? '100.0%' : (told?.progress ?? 'N/A');
  return {
    phase,
    progress,
    claimName: name,
    conditions: settleConditions([describeReady(known, phase)], before?.conditions, nowMs),
  };
}

function describePhase(
  { row, device }: VolumeKnowledge,
  before: DataVolumeStatus | undefined,
  told: VolumePhase | undefined,
): VolumePhase {
  if (row === undefined) return 'WaitForFirstConsumer';
  const said = told ?? (row.status === undefined ? undefined : inferPhase(row, row.status));
  // What was there once is there still, for all that anyone knows.
  if (said === 'Succeeded' || (said === undefined && before?.phase === 'Succeeded')) return 'Succeeded';
  if (describeSilence(row, device) !== undefined) return 'Unknown';
  return said ?? 'Pending';
}

function inferPhase({ kind }: MachineRow, { state, reason }: MachineStatus): VolumePhase | undefined {
  if (state === 'Provisioning' && reason === 'WaitingForUpload') return 'UploadReady';
  return kind === 'DataVolume' ? OWN_PHASES[state] : PHASES[state];
}

function describeReady({ row, device, waiting }: VolumeKnowledge, phase: VolumePhase): ConditionDraft {
  const draft = { type: 'Ready', status: phase === 'Succeeded' ? 'True' : 'False' } as const;
  if (waiting !== undefined) return { ...draft, reason: 'Waiting', message: waiting };
  if (row === undefined) {
    const message = 'it goes to the device of the first machine that uses it';
    return { ...draft, reason: 'WaitForFirstConsumer', message };
  }
  if (phase === 'Succeeded')
    return { ...draft, reason: 'Succeeded', message: `it is on device ${row.device}` };
  const silence = describeSilence(row, device);
  if (silence !== undefined) {
    return { ...draft, status: 'Unknown', reason: 'DeviceNotConnected', message: silence };
  }
  const { reason = 'Waiting', message = `device ${row.device} was told of it` } = row.status ?? {};
  return { ...draft, reason, message };
}
