import { Readable } from 'node:stream';
import { EffectError } from '../../shared/base/errors.ts';
import type { KeptMachine, Machines, ObservedMachine, RunRecord, StartRequest } from '../../agent/ports.ts';
import type { CompiledMachine } from '../../agent/machine/compile.ts';
import { compileMachine } from '../../agent/machine/compile.ts';
import type { Clock } from '../../shared/ports.ts';
import type { BoxDisk, SimProcess } from './box-disk.ts';
import type { Life } from './life.ts';

interface SimMachinesOptions {
  readonly disk: BoxDisk;
  readonly life: Life;
  readonly clock: Clock;
  readonly bootId: string;
}

/** The cables and forwarded ports of cards as they are to be. */
function connect({ interfaces }: CompiledMachine): Pick<RunRecord, 'ports' | 'linksDown'> {
  const ports = interfaces.flatMap(({ name, ports: wanted }) =>
    wanted.map((port) => ({
      ...port,
      interface: name,
      hostAddress: '127.0.0.1',
      hostPort: 1024 + port.port,
    })),
  );
  return { ports, linksDown: interfaces.filter(({ up }) => !up).map(({ name }) => name) };
}

/** `Machines` over a box that is only thought up: what it starts and makes is the box's, and outlives the agent. */
export function createSimMachines({ disk, life, clock, bootId }: SimMachinesOptions): Machines {
  const listeners: ((uid: string) => void)[] = [];
  const turns = new Map<string, Promise<unknown>>();
  let closed = false;

  disk.onChange((uid) => {
    life.after(200, 'machine changed', () => {
      if (!closed) for (const listener of listeners) listener(uid);
    });
  });

  /** What is done to one machine is done one after the other. */
  function inTurn<T>(uid: string, work: () => Promise<T>): Promise<T> {
    const result = (turns.get(uid) ?? Promise.resolve()).then(work, work);
    turns.set(
      uid,
      result.catch(() => {}),
    );
    return result;
  }

  function observeMachine(uid: string): ObservedMachine {
    const { record, kept, process, disks } = disk.machine(uid);
    const seen = {
      uid,
      disks: [...disks.keys()],
      ...(record === undefined ? {} : { record }),
      ...(kept === undefined ? {} : { kept }),
    };
    if (process === undefined) return seen;
    const { pid, answers, runState } = process;
    // A start that was cut off before its process was noted: it is known by its command line.
    if (record !== undefined && record.pid === undefined) noteProcess(uid, record, process);
    return { ...seen, process: { pid, guestAgent: false, addresses: [], ...(answers ? { runState } : {}) } };
  }

  function noteProcess(uid: string, record: RunRecord, { pid }: SimProcess): void {
    disk.machine(uid).record = { ...record, pid, startTicks: pid };
  }

  async function start({ machine, run, accelerator, images }: StartRequest): Promise<void> {
    const { uid, namespace, name, desired } = machine;
    life.step();
    if (disk.machine(uid).process !== undefined) return;
    await life.pause(disk.random.between(50, 400), 'preparing a start');
    life.step();
    if (!disk.hasRoom()) throw new EffectError('DiskFull', `${namespace}/${name}`, 'the disk is full');
    disk.makeDisks(machine, images);
    const startedAtMs = clock.now();
    const record: RunRecord = {
      uid,
      namespace,
      name,
      run,
      bootId,
      accelerator,
      ...connect(machine),
      desired,
      startedAtMs,
      command: [],
    };
    disk.machine(uid).record = record;
    await life.pause(disk.random.between(5, 50), 'spawning QEMU');
    life.step();
    if (disk.takeStartFailure()) throw new EffectError('StartFailed', uid, 'QEMU ended at once');
    const process = disk.spawn(uid);
    life.step();
    noteProcess(uid, record, process);
    await life.pause(disk.random.between(100, 3_000), "QEMU's monitor");
    life.step();
    if (disk.machine(uid).process !== process) {
      throw new EffectError('StartFailed', uid, 'QEMU ended before its monitor answered');
    }
  }

  /** Runs what is asked of a live process's monitor. */
  function command(uid: string, work: (process: SimProcess) => void): Promise<void> {
    return inTurn(uid, async () => {
      life.step();
      const { process } = disk.find(uid) ?? {};
      if (process === undefined) throw new EffectError('NotRunning', uid, 'the machine has no process');
      if (!process.answers) {
        await life.pause(5_000, 'a monitor that does not answer');
        throw new EffectError('MonitorTimeout', uid, 'the monitor does not answer');
      }
      work(process);
      await life.pause(10, 'the monitor answers');
    });
  }

  return {
    async observe() {
      life.step();
      await life.pause(1, 'observing');
      return disk.uids().map(observeMachine);
    },
    start: (request) => inTurn(request.machine.uid, () => start(request)),
    makeDisk: (uid, content, images) =>
      inTurn(uid, async () => {
        life.step();
        const { dataVolume: name } = content;
        if (!disk.hasRoom()) throw new EffectError('DiskFull', name, 'the disk is full');
        const made = { name, content, bus: 'virtio', cdrom: false, readonly: false, cache: 'none' } as const;
        disk.makeDisks({ uid, namespace: 'default', name, disks: [made] }, images);
        life.step();
        await life.pause(50, 'making a disk');
      }),
    keep: (uid, kept) =>
      inTurn(uid, async () => {
        life.step();
        if (!disk.hasRoom()) throw new EffectError('DiskFull', uid, 'the disk is full');
        // As a file holds it: not the same object, and no more than JSON says.
        disk.machine(uid).kept = JSON.parse(JSON.stringify(kept)) as KeptMachine;
        life.step();
        await life.pause(5, 'keeping');
      }),
    change: (uid, { running }) =>
      command(uid, () => {
        const { record } = disk.machine(uid);
        if (record !== undefined) {
          disk.machine(uid).record = { ...record, desired: running, ...connect(compileMachine(running)) };
        }
      }),
    powerButton: (uid) => command(uid, () => disk.pressPower(uid)),
    pause: (uid) => command(uid, (process) => disk.pause(uid, process)),
    resume: (uid) => command(uid, () => disk.resume(uid)),
    reset: (uid) => command(uid, () => {}),
    // The guests of this world have no agent.
    rebootGuest: (uid) => command(uid, () => {}),
    async runInGuest(uid) {
      throw new EffectError('GuestAgentFailed', uid, 'the guest has no agent');
    },
    async pingGuest(uid) {
      throw new EffectError('GuestAgentFailed', uid, 'the guest has no agent');
    },
    measure: async () => [],
    async readGuest(uid) {
      throw new EffectError('GuestAgentFailed', uid, 'the guest has no agent');
    },
    // The disks of a box that is only thought up have no size.
    growDisk: (uid) => command(uid, () => {}),
    giveCredentials: (uid) => command(uid, () => {}),
    quit: (uid) => command(uid, (process) => disk.endProcess(uid, process, 'quit')),
    kill: (uid) =>
      inTurn(uid, async () => {
        life.step();
        const { process } = disk.find(uid) ?? {};
        if (process !== undefined) disk.endProcess(uid, process, 'kill');
        await life.pause(10, 'killing');
      }),
    remove: (uid) =>
      inTurn(uid, async () => {
        life.step();
        if (disk.find(uid)?.process !== undefined)
          throw new EffectError('MachineRunning', uid, 'the machine still has a process');
        disk.removeMachine(uid);
        await life.pause(disk.random.between(20, 200), 'removing');
      }),
    async openConsole(uid) {
      if (disk.find(uid)?.process === undefined)
        throw new EffectError('NotRunning', uid, 'the machine has no process');
      return Readable.from([]) as unknown as Awaited<ReturnType<Machines['openConsole']>>;
    },
    async openStream(uid) {
      throw new EffectError('NotRunning', uid, 'the machines of this world have no streams');
    },
    async freezeGuest(uid) {
      throw new EffectError('GuestAgentFailed', uid, 'the guest has no agent');
    },
    async thawGuest(uid) {
      throw new EffectError('GuestAgentFailed', uid, 'the guest has no agent');
    },
    onChange(listener) {
      listeners.push(listener);
    },
    // Its monitors tell nothing beside what is observed.
    onHappening() {},
    async close() {
      closed = true;
    },
  };
}
