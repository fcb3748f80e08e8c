import { formatSeconds } from '../../shared/base/time.ts';
import { phaseOf } from '../../shared/model/machine-phase.ts';
import type { MachineState, MachineStatus } from '../../shared/model/machine.ts';
import type { InstancePhase, InstanceStatus } from '../../shared/model/virtual-machine-instance.ts';
import type { RunStrategy, VirtualMachineStatus } from '../../shared/model/virtual-machine.ts';
import type { DeviceRow, MachineRow } from '../ports.ts';
import { isHeldBack } from './desired.ts';
import type { Problem } from './carry-over.ts';
import type { ConditionDraft } from './conditions.ts';
import { settleConditions } from './conditions.ts';
import { describeUnusedDisks, describeVolumes } from './describe-volumes.ts';
import { describeOverride } from './override.ts';
import { describeSilence } from './silence.ts';

/** What is known of a machine: where it was put, what its device last said, and whether the device can be heard. */
export interface Knowledge {
  readonly generation: number;
  readonly runStrategy: RunStrategy;
  readonly deleting: boolean;
  readonly row: MachineRow | undefined;
  readonly device: DeviceRow | undefined;
  /** Why it has no device, where it has none. */
  readonly waiting: string;
  /** Why it is on another device than its nodeSelector says, where it is. */
  readonly elsewhere: string | undefined;
  /** The order given on the box that the hub has released. */
  readonly released: string | undefined;
  /** What it names that is not there, or not as it has to be. */
  readonly problems: readonly Problem[];
  /** Its MAC addresses that another machine has too, in a sentence each. */
  readonly twins: readonly string[];
  readonly nowMs: number;
}

/** A machine elsewhere has its MAC address. */
export const TWINS_CONDITION = 'MACAddressShared';

/** KubeVirt's `printableStatus` for each state, where the state alone decides it. */
const PRINTABLE: Readonly<Record<MachineState, string>> = {
  Stopped: 'Stopped',
  Provisioning: 'Provisioning',
  Starting: 'Starting',
  Running: 'Running',
  Paused: 'Paused',
  Stopping: 'Stopping',
  Succeeded: 'Stopped',
  Failed: 'Stopped',
  BackOff: 'CrashLoopBackOff',
  Refused: 'ErrorUnschedulable',
  Unknown: 'Unknown',
  Removing: 'Terminating',
  Removed: 'Terminating',
};

/** The same of a machine that waits for its disks, by its reason; any other is a failure of an image. */
const PROVISIONING: Readonly<Record<string, string>> = {
  FetchingImage: 'Provisioning',
  WaitingForUpload: 'Provisioning',
  WaitingForDataVolume: 'Provisioning',
  DataVolumeMissing: 'Provisioning',
  ClaimNotFound: 'ErrorPvcNotFound',
  ClaimUnusable: 'WaitingForVolumeBinding',
  HostDiskMissing: 'WaitingForVolumeBinding',
};

/** Whether the machine has a run, as far as is known: then there is an instance object of it. */
export function hasInstance(known: Knowledge): boolean {
  const { row, runStrategy, deleting } = known;
  if (row === undefined || isGone(row, known)) return false;
  if (row.status !== undefined) return phaseOf(row.status.state) !== undefined;
  return (
    !deleting && (runStrategy === 'Always' || runStrategy === 'RerunOnFailure' || runStrategy === 'Once')
  );
}

export function describeVirtualMachine(
  known: Knowledge,
  before: VirtualMachineStatus | undefined,
): VirtualMachineStatus {
  const { row, generation, runStrategy } = known;
  const ready = describeReady(known);
  const backOff = row?.status?.backOff;
  const { instancetypeRef, preferenceRef } = before ?? {};
  return {
    ...(instancetypeRef && { instancetypeRef }),
    ...(preferenceRef && { preferenceRef }),
    created: hasInstance(known),
    ready: ready.status === 'True',
    printableStatus: describePrintable(known),
    runStrategy,
    desiredGeneration: generation,
    ...(row?.status === undefined ? {} : { observedGeneration: row.status.generation }),
    ...(backOff === undefined
      ? {}
      : {
          startFailure: {
            consecutiveFailCount: backOff.failures,
            retryAfterTimestamp: backOff.retryAt,
          },
        }),
    conditions: settleConditions([ready, ...describeOthers(known)], before?.conditions, known.nowMs),
  };
}

export function describeInstance(known: Knowledge, before: InstanceStatus | undefined): InstanceStatus {
  const { row, nowMs } = known;
  const phase = describePhase(known);
  const transitions = before?.phaseTransitionTimestamps ?? [];
  const reason = row?.status?.reason;
  const guest = row?.status?.guest;
  return {
    phase,
    ...(row === undefined ? {} : { nodeName: row.device }),
    ...(reason === undefined || phase === 'Running' ? {} : { reason }),
    interfaces: row?.status?.interfaces ?? [],
    ...(guest === undefined ? {} : { guestOSInfo: guest.os }),
    ...describeSize(row?.status),
    ...(row?.status?.volumes === undefined ? {} : { volumeStatus: describeVolumes(row.status) }),
    phaseTransitionTimestamps:
      before?.phase === phase
        ? transitions
        : [
            ...transitions.filter((one) => one.phase !== phase),
            { phase, phaseTransitionTimestamp: formatSeconds(nowMs) },
          ],
    conditions: settleConditions(
      [describeReady(known), ...describeOthers(known), ...describeGrowth(row?.status)],
      before?.conditions,
      nowMs,
    ),
  };
}

/** CPUs and memory of the run as they are now. */
function describeSize(status: MachineStatus | undefined): InstanceStatus {
  const { cpu, memory } = status?.process ?? {};
  return {
    ...(cpu === undefined ? {} : { currentCPUTopology: cpu }),
    ...(memory === undefined
      ? {}
      : {
          memory: {
            guestAtBoot: formatMebibytes(memory.bootBytes),
            guestCurrent: formatMebibytes(memory.currentBytes),
            guestRequested: formatMebibytes(memory.requestedBytes),
          },
        }),
  };
}

/** KubeVirt's conditions of a guest whose CPUs or memory are being changed: until it has them, which takes its own time. */
function describeGrowth(status: MachineStatus | undefined): ConditionDraft[] {
  const { process, unmade } = status ?? {};
  const live = (unmade?.live ?? []).map((path) => path.join('.'));
  const drafts: ConditionDraft[] = [];
  const add = (type: string, reason: string, message: string) =>
    drafts.push({ type, status: 'True', reason, message });
  if (live.some((path) => CPU_FIELD.test(path)))
    add('HotVCPUChange', 'CPUsChanging', 'the guest is about to be given CPUs');
  const { memory } = process ?? {};
  if (memory !== undefined && memory.currentBytes !== memory.requestedBytes) {
    const [has, asked] = [formatMebibytes(memory.currentBytes), formatMebibytes(memory.requestedBytes)];
    add(
      'HotMemoryChange',
      'MemoryChanging',
      `the guest has ${has} of memory, and was asked to have ${asked}`,
    );
  } else if (live.some((path) => MEMORY_FIELD.test(path))) {
    add('HotMemoryChange', 'MemoryChanging', 'the guest is about to be asked to have more or less memory');
  }
  return drafts;
}

/** The fields that say how many CPUs a guest has, and how much memory. */
const CPU_FIELD = /^domain\.(?:cpu\.sockets|resources\.\w+\.cpu)$/;
const MEMORY_FIELD = /^domain\.(?:memory\.guest|resources\.\w+\.memory)$/;

function formatMebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)}Mi`;
}

/** Whether its device held it and does not any more. */
function isGone(row: MachineRow, { generation }: Knowledge): boolean {
  return row.heldBack?.reason === 'Gone' && isHeldBack(row, generation);
}

function describeHeldBack({ device, heldBack }: MachineRow): string {
  return heldBack?.reason === 'Gone'
    ? `device ${device} held it once and does not any more, as if it had been deleted there since this hub's backup: ` +
        'it is not made anew with empty disks unless its spec is changed; otherwise delete it'
    : `what device ${device} holds of it can't be read by this hub: it goes on there as it is until its spec is changed`;
}

function describePhase(known: Knowledge): InstancePhase {
  const { status } = known.row ?? {};
  if (status === undefined) return 'Pending';
  const phase = phaseOf(status.state) ?? 'Pending';
  const over = phase === 'Succeeded' || phase === 'Failed';
  return describeSilence(known.row, known.device) !== undefined && !over ? 'Unknown' : phase;
}

function describePrintable(known: Knowledge): string {
  const { row, deleting, runStrategy } = known;
  if (deleting) return 'Terminating';
  if (row === undefined)
    return runStrategy === 'Halted' || runStrategy === 'Manual' ? 'Stopped' : 'ErrorUnschedulable';
  // KubeVirt's word for disks that are not there.
  if (isGone(row, known)) return 'ErrorPvcNotFound';
  if (describeSilence(known.row, known.device) !== undefined) return 'Unknown';
  const { status } = row;
  if (status === undefined) return describeUnresolved(known.problems);
  if (status.state === 'Provisioning') return PROVISIONING[status.reason] ?? 'DataVolumeError';
  return PRINTABLE[status.state];
}

/** KubeVirt's words for what a machine that never ran waits for. */
function describeUnresolved([first]: readonly Problem[]): string {
  return first?.reason.startsWith('DataVolume') === true ? 'ErrorPvcNotFound' : 'Provisioning';
}

function describeReady(known: Knowledge): ConditionDraft {
  const { row, problems } = known;
  const draft = { type: 'Ready' };
  const [problem] = problems;
  if (problem !== undefined && row?.status === undefined) {
    return { ...draft, status: 'False', reason: problem.reason, message: formatProblems(problems) };
  }
  if (row === undefined)
    return { ...draft, status: 'False', reason: 'Unschedulable', message: known.waiting };
  if (isGone(row, known)) {
    return { ...draft, status: 'False', reason: 'HeldBack', message: describeHeldBack(row) };
  }
  const silent = describeSilence(known.row, known.device);
  if (silent !== undefined)
    return { ...draft, status: 'Unknown', reason: 'DeviceNotConnected', message: silent };
  const { status } = row;
  if (status === undefined) {
    return {
      ...draft,
      status: 'False',
      reason: 'Waiting',
      message: `device ${row.device} was told to run it`,
    };
  }
  const { state, reason, message } = status;
  const isReady = state === 'Running' && status.ready !== false;
  return {
    ...draft,
    status: isReady ? 'True' : state === 'Unknown' ? 'Unknown' : 'False',
    reason,
    message,
  };
}

function describeOthers(known: Knowledge): ConditionDraft[] {
  const { row, elsewhere, runStrategy, released, problems, twins } = known;
  const drafts: ConditionDraft[] = [];
  const add = (type: string, reason: string, text: string, is: 'True' | 'False' = 'True') =>
    drafts.push({ type, status: is, reason, message: text });
  const [problem] = problems;
  if (problem !== undefined) {
    const kept = row?.status === undefined ? '' : '; the device keeps what it was sent before';
    add('Synchronized', problem.reason, `${formatProblems(problems)}${kept}`, 'False');
  }
  if (twins.length > 0) add(TWINS_CONDITION, 'SameMACAddress', twins.join('; '));
  if (elsewhere !== undefined) add('PlacedAsAsked', 'PlacedElsewhere', elsewhere, 'False');
  if (row !== undefined && isHeldBack(row, known.generation))
    add('HeldBack', row.heldBack?.reason ?? '', describeHeldBack(row));
  if (row?.status === undefined) return drafts;
  const { state, reason, message, process, restartRequired } = row.status;
  // KubeVirt's words, where it has some.
  if (state === 'Paused') add('Paused', reason === 'IOError' ? 'PausedIOError' : reason, message);
  if (process?.guestAgent === true) add('AgentConnected', 'AgentConnected', describeAgent(row.status));
  if (restartRequired !== undefined) add('RestartRequired', 'RestartRequired', restartRequired);
  const { credentials } = row.status;
  if (credentials !== undefined) {
    const [is, why] = credentials.synchronized
      ? (['True', 'Synchronized'] as const)
      : (['False', 'NotSynchronized'] as const);
    add('AccessCredentialsSynchronized', why, credentials.message ?? 'the guest has them', is);
  }
  const unused = describeUnusedDisks(row.status);
  if (unused !== undefined) add('UnusedDisks', 'DisksKept', unused);
  return [...drafts, ...describeOverride(row, runStrategy, released)];
}

function formatProblems(problems: readonly Problem[]): string {
  return problems.map(({ message }) => message).join('; ');
}

function describeAgent({ guest }: MachineStatus): string {
  if (guest === undefined) return 'the guest agent answers';
  const { agentVersion, commands, hostname, timezone } = guest;
  const about = [`version ${agentVersion}`, `${commands} commands`, hostname, timezone].filter(
    (one) => one !== undefined,
  );
  return `the guest agent answers: ${about.join('; ')}`;
}
