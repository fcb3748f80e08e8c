import { isSameJson } from '../../shared/base/same-json.ts';
import { formatSeconds, formatTime } from '../../shared/base/time.ts';
import type { MachineStatus } from '../../shared/model/machine.ts';
import type { InterfaceStatus } from '../../shared/model/virtual-machine-instance.ts';
import { keepMacs } from '../machine/mac.ts';
import type { ObservedMachine } from '../ports.ts';
import { describeUnmade, explainRestart } from './draft-change.ts';
import type { MachineMemory } from './memory.ts';
import { describeFilling } from './describe-filling.ts';
import { describeVolumes } from './describe-volumes.ts';
import { describeCredentials } from './plan-credentials.ts';
import { describeOverride } from './order.ts';
import type { Draft, MachinePlan, PlannedEvent, Situation, Wanted } from './plan.ts';
import { identityOf } from './read-wanted.ts';
import type { Settled } from './settle-run.ts';

/** Puts a draft as the status that is reported, with the events that the change of it makes. */
export function describePlan(situation: Situation, settled: Settled, draft: Draft): MachinePlan {
  const { reported } = situation.memory;
  const status = describeStatus(situation, draft);
  const statusChanged = !isSameJson(status, reported);
  return {
    memory: statusChanged ? { ...draft.memory, reported: status } : draft.memory,
    actions: draft.actions,
    status,
    statusChanged,
    events: [...settled.events, ...eventsOf(draft, status, reported)],
    ...(draft.claimBytes === undefined ? {} : { claimBytes: draft.claimBytes }),
    ...(draft.wakeAtMs === undefined ? {} : { wakeAtMs: draft.wakeAtMs }),
  };
}

function eventsOf(draft: Draft, status: MachineStatus, reported: MachineStatus | undefined): PlannedEvent[] {
  const events: PlannedEvent[] = [...(draft.events ?? [])];
  const isNew = reported?.reason !== draft.reason || reported.state !== draft.state;
  if (isNew && draft.warning === true)
    events.push({ type: 'Warning', reason: draft.reason, message: draft.message });
  const pressed = draft.actions.some(({ kind }) => kind === 'power-button' || kind === 'kill');
  if (isNew && pressed) events.push({ type: 'Normal', reason: 'ShutdownRequested', message: draft.message });
  if (isNew && draft.state === 'Removed')
    events.push({ type: 'Normal', reason: 'Removed', message: draft.message });
  if (status.restartRequired !== undefined && reported?.restartRequired === undefined) {
    events.push({ type: 'Normal', reason: 'RestartRequired', message: status.restartRequired });
  }
  return events;
}

function describeStatus(situation: Situation, draft: Draft): MachineStatus {
  const { wanted, observed, memory, wallMs, nowMs } = situation;
  const { reported } = memory;
  const { state, reason, message } = draft;
  const { override } = draft.memory;
  const restartRequired = explainRestart(situation);
  return {
    ...subjectOf(wanted, reported),
    state,
    reason,
    message,
    since: reported?.state === state ? reported.since : formatTime(wallMs),
    interfaces: describeInterfaces(wanted, observed),
    ...describeProcess(draft.memory, situation),
    ...describeFilling(situation),
    ...describeVolumes(wanted, observed),
    ...describeCredentials(wanted, observed),
    ...describeGuest(draft.memory, observed),
    ...(draft.state === 'Running' && draft.memory.ready !== undefined && { ready: draft.memory.ready.ok }),
    ...describeBackOff(draft, wallMs, nowMs, reported),
    ...(restartRequired === undefined ? {} : { restartRequired }),
    ...describeUnmade(situation),
    ...(override === undefined ? {} : { override: describeOverride(override) }),
  };
}

/** The time of day of the next try is told once: it would differ a little with each look at the clock. */
function describeBackOff(
  { state, memory: { failures, nextStartAtMs } }: Draft,
  wallMs: number,
  nowMs: number,
  reported: MachineStatus | undefined,
): Pick<MachineStatus, 'backOff'> {
  if (state !== 'BackOff' || nextStartAtMs === undefined) return {};
  const same = reported?.state === 'BackOff' && reported.backOff?.failures === failures;
  const retryAt = formatSeconds(wallMs + nextStartAtMs - nowMs);
  return { backOff: same && reported.backOff !== undefined ? reported.backOff : { failures, retryAt } };
}

function subjectOf(wanted: Wanted, reported: MachineStatus | undefined) {
  const generation =
    wanted.kind === 'machine' || wanted.kind === 'volume'
      ? wanted.desired.generation
      : wanted.kind === 'refused'
        ? wanted.generation
        : (reported?.generation ?? 0);
  return { ...identityOf(wanted), generation };
}

function describeProcess(
  memory: MachineMemory,
  { observed, running }: Situation,
): Pick<MachineStatus, 'process'> {
  if (observed?.process === undefined || observed.record === undefined || memory.run?.ended !== undefined)
    return {};
  const { record, process } = observed;
  const { pid, guestAgent, addedMemory } = process;
  const startedAt = formatTime(record.startedAtMs);
  const described = { pid, startedAt, accelerator: record.accelerator, guestAgent };
  if (running === undefined || addedMemory === undefined) return { process: described };
  const { sockets, cores, threads } = running.machine.cpu;
  const { memoryBytes: bootBytes } = running.limits;
  const { balloonBytes = bootBytes } = process;
  const [currentBytes, requestedBytes] = [
    balloonBytes + addedMemory.bytes,
    (record.balloonBytes ?? bootBytes) + addedMemory.requestedBytes,
  ];
  return {
    process: {
      ...described,
      cpu: { sockets, cores, threads },
      memory: { bootBytes, currentBytes, requestedBytes },
    },
  };
}

/** Of what changes rarely only: what changes each minute would make a report each minute. */
function describeGuest(
  { run }: MachineMemory,
  observed: ObservedMachine | undefined,
): Pick<MachineStatus, 'guest'> {
  const guest = observed?.process?.guest;
  if (guest === undefined || run?.ended !== undefined) return {};
  const { agentVersion, os, hostname, timezone } = guest;
  const commands = guest.commands.filter(({ enabled }) => enabled).length;
  return {
    guest: {
      agentVersion,
      commands,
      os,
      ...(hostname !== undefined && { hostname }),
      ...(timezone !== undefined && { timezone }),
    },
  };
}

function describeInterfaces(wanted: Wanted, observed: ObservedMachine | undefined): InterfaceStatus[] {
  if (wanted.kind !== 'machine' || observed?.process === undefined) return [];
  const { record, process } = observed;
  // A running card has the address that it was started with.
  const cards = keepMacs(wanted.compiled.interfaces, record?.command ?? []);
  return cards.map(({ name, mac, queues, up }) => {
    const ports = (record?.ports ?? []).flatMap(({ interface: of, ...port }) => (of === name ? [port] : []));
    const seen = process.addresses.find((address) => address.mac.toLowerCase() === mac.toLowerCase());
    const leased = observed.leases?.find((lease) => lease.mac === mac)?.ip;
    const ipAddresses = seen?.ips ?? (leased === undefined ? [] : [leased]);
    const [ipAddress] = ipAddresses;
    return {
      name,
      mac,
      infoSource: seen === undefined ? 'domain' : 'domain, guest-agent',
      queueCount: queues,
      linkState: up ? 'up' : 'down',
      ...(seen === undefined ? {} : { interfaceName: seen.name }),
      ...(ipAddress === undefined ? {} : { ipAddress, ipAddresses: [...ipAddresses] }),
      ...(ports.length === 0 ? {} : { ports }),
    };
  });
}
