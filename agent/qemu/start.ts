import { userInfo } from 'node:os';
import { join } from 'node:path';
import { EffectError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import { compileCommand } from '../machine/command.ts';
import type { CommandEnvironment } from '../machine/command.ts';
import { CONSOLE_LOG } from '../machine/files.ts';
import { claimBytes } from '../machine/memory-claim.ts';
import { qemuProgram } from '../machine/machine-type.ts';
import { readPciPlaces } from '../machine/pci.ts';
import { interfaceId } from '../machine/interface-arguments.ts';
import { keepMacs } from '../machine/mac.ts';
import type { RunRecord, StartRequest } from '../ports.ts';
import type { Networks } from '../networks-port.ts';
import { sleep, withDeadline } from '../../shared/base/deadline.ts';
import { makeDisks } from './disks.ts';
import { prepareFirmware } from './firmware.ts';
import { checkReachable, prepareFolder } from './folder.ts';
import type { HostPorts } from './host-ports.ts';
import { findKernelFiles } from './kernel-files.ts';
import type { OutsideSettings } from './outside-disks.ts';
import type { Account, RunCommand } from './launch.ts';
import { formatWords } from './launch.ts';
import type { Loan } from './loans.ts';
import { NO_LOAN } from './loans.ts';
import type { Monitor } from './monitor.ts';
import { checkOffers } from './offers.ts';
import { readStartTicks } from './process.ts';
import { readRecord, writeRecord } from './record.ts';
import type { OpenGate } from './spawn.ts';
import { endTpm, prepareTpm } from './tpm.ts';

/** What a start needs of the box. */
export interface StartContext {
  readonly folder: string;
  readonly localImages: string;
  readonly outside: OutsideSettings;
  readonly bootId: string;
  readonly account: Account | undefined;
  readonly ports: HostPorts;
  /** What the run has of the box's own. */
  readonly loan: Loan;
  readonly networks: Networks;
  readonly clock: Clock;
}

/** From the command's words to the monitor's greeting. */
const DEADLINE_MS = 20_000;
/** Nothing says when QEMU listens, and half of this is lost with every start. */
const RETRY_MS = 5;
/** For a killed process to end; one that waits for a disk that does not answer (state D) can't until that does. */
const END_DEADLINE_MS = 5_000;

/** Carries out a start behind an open gate: files, record, QEMU, monitor. Whatever fails, its process is killed. */
export async function startBehindGate(
  context: StartContext,
  request: StartRequest,
  gate: OpenGate,
  monitor: Monitor,
): Promise<void> {
  try {
    const { record, command } = await prepareRun(context, request);
    gate.send(formatWords(command));
    const startTicks = await readStartTicks(gate.pid);
    const started = startTicks === undefined ? record : { ...record, pid: gate.pid, startTicks };
    if (startTicks !== undefined) writeRecord(context.folder, started);
    await awaitMonitor(context, request, gate, monitor);
    const linksDown = await takeCablesOut(request, monitor);
    // Where this is not noted, because the agent died, it is done again.
    if (linksDown.length > 0) writeRecord(context.folder, { ...started, linksDown });
  } catch (error) {
    gate.kill();
    // One that has not ended by then is found, and its lock keeps a second one out.
    await withDeadline(context.clock, END_DEADLINE_MS, gate.ended, () => new Error('late')).catch(() => {});
    if (request.machine.devices.tpm !== undefined)
      await endTpm(context.folder, context.clock).catch(() => {});
    throw error;
  }
}

/** Makes all that QEMU needs, and the record of the run. */
async function prepareRun(
  context: StartContext,
  request: StartRequest,
): Promise<{ record: RunRecord; command: RunCommand }> {
  const { folder, account, clock, loan } = context;
  const { machine, run, accelerator } = request;
  await checkOffers(machine);
  await prepareFolder(folder, account);
  const before = await readRecord(folder);
  const { images } = request;
  const disks = await makeDisks(machine, { folder, images, account, outside: context.outside, before });
  const firmware = await prepareFirmware(folder, machine, account, before);
  const companion = await prepareTpm(folder, machine, run, account, before, clock);
  const { kernelBoot } = machine.firmware;
  const kernel = kernelBoot && (await findKernelFiles(kernelBoot, context.localImages, request.images));
  if (account !== undefined) {
    await checkReachable(account, [
      join(folder, CONSOLE_LOG),
      ...disks.backing,
      ...Object.values(kernel ?? {}),
      ...(firmware === undefined ? [] : [firmware.code]),
    ]);
  }
  const wanted = machine.interfaces.flatMap(({ name, ports }) =>
    ports.map((port) => ({ ...port, interface: name })),
  );
  const interfaces = keepMacs(machine.interfaces, before?.command ?? []);
  const environment: CommandEnvironment = {
    accelerator,
    run,
    nowMs: clock.now(),
    paused: request.paused === true,
    ports: await context.ports.choose(machine.uid, wanted, before?.ports ?? []),
    taps: await context.networks.connect(machine, interfaces, account?.uid ?? userInfo().uid),
    bufferedDisks: disks.buffered,
    foundDisks: disks.found,
    places: before?.places ?? readPciPlaces(before?.command ?? []),
    ...(kernel === undefined ? {} : { kernel }),
    ...(firmware === undefined ? {} : { firmware }),
    hostDevices: loan.hostDevices,
    ...(loan.memoryNode === undefined ? {} : { memoryNode: loan.memoryNode }),
  };
  const command = compileCommand({ ...machine, interfaces }, environment);
  const record: RunRecord = {
    uid: machine.uid,
    namespace: machine.namespace,
    name: machine.name,
    run,
    bootId: context.bootId,
    accelerator,
    ports: environment.ports,
    ...(loan === NO_LOAN ? {} : { lent: { hostDevices: loan.hostDevices, cpus: loan.cpus } }),
    desired: machine.desired,
    startedAtMs: environment.nowMs,
    claimBytes: claimBytes(machine, accelerator),
    command: command.words,
    places: command.places,
  };
  writeRecord(folder, record);
  const runCommand: RunCommand = {
    program: qemuProgram(machine.architecture),
    arguments: record.command,
    account,
    timezone: machine.clock.timezone,
    // A device of the box writes to the guest's memory wherever that is.
    locksMemory: machine.memory.locked || loan.hostDevices.some(({ bus }) => bus === 'pci'),
    cpus: loan.cpus,
    companion,
  };
  return { record, command: runCommand };
}

/** QEMU starts with all cables in; this comes before a guest's firmware has looked at its cards. */
async function takeCablesOut({ machine, run }: StartRequest, monitor: Monitor): Promise<string[]> {
  const down = machine.interfaces.filter(({ up }) => !up).map(({ name }) => name);
  for (const name of down) await monitor.execute(run, 'set_link', { name: interfaceId(name), up: false });
  return down;
}

async function awaitMonitor(
  { clock, folder }: StartContext,
  { run }: StartRequest,
  gate: OpenGate,
  monitor: Monitor,
): Promise<void> {
  let failure: EffectError | undefined;
  const ended = gate.ended.then((error) => {
    failure = error;
  });
  const startedAtMs = clock.monotonic();
  for (;;) {
    const connected = await monitor.connect(run).then(
      () => true,
      () => false,
    );
    if (failure !== undefined) throw failure;
    if (connected) return;
    if (clock.monotonic() - startedAtMs > DEADLINE_MS) {
      throw new EffectError(
        'StartTimeout',
        folder,
        `QEMU's monitor did not answer within ${DEADLINE_MS / 1000} s`,
      );
    }
    await Promise.race([sleep(clock, RETRY_MS), ended]);
  }
}
