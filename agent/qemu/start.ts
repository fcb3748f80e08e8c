import { userInfo } from 'node:os';
import { join } from 'node:path';
import { EffectError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import { compileCommand } from '../machine/command.ts';
import type { CommandEnvironment } from '../machine/command.ts';
import { CONSOLE_LOG } from '../machine/files.ts';
import { readPciPlaces } from '../machine/pci.ts';
import { interfaceId } from '../machine/interface-arguments.ts';
import { keepMacs } from '../machine/mac.ts';
import type { Networks, RunRecord, StartRequest } from '../ports.ts';
import { sleep, withDeadline } from '../../shared/base/deadline.ts';
import { makeDisks } from './disks.ts';
import { checkReachable, prepareFolder } from './folder.ts';
import type { HostPorts } from './host-ports.ts';
import { findKernelFiles } from './kernel-files.ts';
import type { OutsideSettings } from './outside-disks.ts';
import type { Account } from './launch.ts';
import { formatWords } from './launch.ts';
import type { Monitor } from './monitor.ts';
import { readStartTicks } from './process.ts';
import { readRecord, writeRecord } from './record.ts';
import type { OpenGate } from './spawn.ts';

/** What a start needs of the box. */
export interface StartContext {
  readonly folder: string;
  readonly localImages: string;
  readonly outside: OutsideSettings;
  readonly bootId: string;
  readonly account: Account | undefined;
  readonly ports: HostPorts;
  readonly networks: Networks;
  readonly clock: Clock;
}

/** From the command's words to the monitor's greeting. */
const DEADLINE_MS = 20_000;
const RETRY_MS = 20;
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
    const record = await prepareRun(context, request);
    gate.send(formatWords(record.command, context.account));
    const startTicks = await readStartTicks(gate.pid);
    if (startTicks !== undefined) writeRecord(context.folder, { ...record, pid: gate.pid, startTicks });
    await awaitMonitor(context, request, gate, monitor);
    await takeCablesOut(request, monitor);
  } catch (error) {
    gate.kill();
    // One that has not ended by then is found, and its lock keeps a second one out.
    await withDeadline(context.clock, END_DEADLINE_MS, gate.ended, () => new Error('late')).catch(() => {});
    throw error;
  }
}

/** Makes all that QEMU needs, and the record of the run. */
async function prepareRun(context: StartContext, request: StartRequest): Promise<RunRecord> {
  const { folder, account } = context;
  const { machine, run, accelerator } = request;
  await prepareFolder(folder, account);
  const before = await readRecord(folder);
  const { images } = request;
  const disks = await makeDisks(machine, { folder, images, account, outside: context.outside, before });
  const { kernelBoot } = machine.firmware;
  const kernel = kernelBoot && (await findKernelFiles(kernelBoot, context.localImages, request.images));
  if (account !== undefined) {
    await checkReachable(account, [
      join(folder, CONSOLE_LOG),
      ...disks.backing,
      ...Object.values(kernel ?? {}),
    ]);
  }
  const wanted = machine.interfaces.flatMap(({ name, ports }) =>
    ports.map((port) => ({ ...port, interface: name })),
  );
  const interfaces = keepMacs(machine.interfaces, before?.command ?? []);
  const environment: CommandEnvironment = {
    accelerator,
    run,
    paused: request.paused === true,
    ports: await context.ports.choose(machine.uid, wanted, before?.ports ?? []),
    taps: await context.networks.connect(machine, interfaces, account?.uid ?? userInfo().uid),
    bufferedDisks: disks.buffered,
    foundDisks: disks.found,
    places: before?.places ?? readPciPlaces(before?.command ?? []),
    ...(kernel === undefined ? {} : { kernel }),
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
    desired: machine.desired,
    startedAtMs: context.clock.now(),
    command: command.words,
    places: command.places,
  };
  writeRecord(folder, record);
  return record;
}

/** QEMU starts with all cables in; this comes before a guest's firmware has looked at its cards. */
async function takeCablesOut({ machine, run }: StartRequest, monitor: Monitor): Promise<void> {
  for (const { name, up } of machine.interfaces) {
    if (!up) await monitor.execute(run, 'set_link', { name: interfaceId(name), up });
  }
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
