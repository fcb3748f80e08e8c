import type { CompiledMachine } from '../../agent/machine/compile.ts';
import { isKept } from '../../agent/machine/disk.ts';
import { sourceKey } from '../../agent/machine/compile.ts';
import type { KeptMachine, RunRecord, RunState } from '../../agent/ports.ts';
import type { ReadyImage } from '../../agent/images-port.ts';
import { EffectError } from '../../shared/base/errors.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';

/** A QEMU process of a box, which is there whether or not an agent is. */
export interface SimProcess {
  readonly pid: number;
  readonly startedAtMs: number;
  runState: RunState;
  /** Whether its monitor does. */
  answers: boolean;
}

export interface SimMachine {
  record?: RunRecord;
  kept?: KeptMachine;
  process?: SimProcess;
  /** By data volume, what tells a disk from another one that was made in its place. */
  readonly disks: Map<string, string>;
  /** What there once was, as the record of its last run says. */
  readonly known: Set<string>;
}

/** What those who watch over a box are told, before it happens. */
export interface BoxWatch {
  readonly starting: (uid: string, live: boolean) => void;
  readonly ending: (uid: string, how: 'power-button' | 'quit' | 'kill', process: SimProcess) => void;
  readonly removing: (uid: string, machine: SimMachine) => void;
  readonly madeDisk: (uid: string, dataVolume: string) => void;
  readonly startFailed: () => void;
}

/** The disks and processes of a box. */
export interface BoxDisk {
  readonly random: SeededRandom;
  uids(): string[];
  find(uid: string): SimMachine | undefined;
  machine(uid: string): SimMachine;
  hasRoom(): boolean;
  makeDisks(
    machine: Pick<CompiledMachine, 'uid' | 'namespace' | 'name' | 'disks'>,
    images: ReadonlyMap<string, ReadyImage>,
  ): void;
  spawn(uid: string): SimProcess;
  pressPower(uid: string): void;
  pause(uid: string, process: SimProcess): void;
  resume(uid: string): void;
  endProcess(uid: string, process: SimProcess, how: 'quit' | 'kill'): void;
  removeMachine(uid: string): void;
  /** Whether the start that is under way fails. */
  takeStartFailure(): boolean;
  onChange(listener: (uid: string) => void): void;

  /** What befalls the guests. */
  failStarts(count: number): void;
  setRoom(hasRoom: boolean): void;
  guestEvent(uid: string, event: GuestEvent): void;
  losePower(): void;
}

export type GuestEvent = 'guest shutdown' | 'guest panic' | 'QEMU dies' | 'io-error' | 'monitor silent';

export function createBoxDisk(scheduler: Scheduler, random: SeededRandom, watch: BoxWatch): BoxDisk {
  const machines = new Map<string, SimMachine>();
  const listeners: ((uid: string) => void)[] = [];
  let lastPid = 100;
  let hasRoom = true;
  let failures = 0;

  const tell = (uid: string) => {
    for (const listener of listeners) listener(uid);
  };

  function machine(uid: string): SimMachine {
    const known = machines.get(uid) ?? { disks: new Map(), known: new Set() };
    machines.set(uid, known);
    return known;
  }

  /** Does something to a process later, unless it is gone by then. */
  function later(uid: string, process: SimProcess, delayMs: number, label: string, work: () => void): void {
    scheduler.at(scheduler.nowMs() + delayMs, label, () => {
      if (machines.get(uid)?.process !== process) return;
      work();
      tell(uid);
    });
  }

  function end(uid: string): void {
    delete machine(uid).process;
  }

  return {
    random,
    uids: () => [...machines.keys()].toSorted(),
    find: (uid) => machines.get(uid),
    machine,
    hasRoom: () => hasRoom,
    makeDisks({ uid, namespace, name, disks }, images) {
      const own = machine(uid);
      for (const disk of disks) {
        if (!isKept(disk) || !('dataVolume' in disk.content)) continue;
        const { content } = disk;
        if (own.disks.has(content.dataVolume)) continue;
        const subject = `${namespace}/${name}`;
        if (own.known.has(content.dataVolume))
          throw new EffectError('DiskMissing', subject, `the disk of ${content.dataVolume} is gone`);
        if (content.from === 'image' && !images.has(sourceKey(content.source)))
          throw new EffectError('ImageMissing', subject, `there is no image for ${content.dataVolume}`);
        watch.madeDisk(uid, content.dataVolume);
        own.disks.set(content.dataVolume, random.uuid());
        own.known.add(content.dataVolume);
      }
    },
    spawn(uid) {
      watch.starting(uid, machines.get(uid)?.process !== undefined);
      lastPid += 1;
      const process: SimProcess = {
        pid: lastPid,
        startedAtMs: scheduler.nowMs(),
        runState: 'prelaunch',
        answers: true,
      };
      machine(uid).process = process;
      later(uid, process, random.between(50, 500), 'guest begins', () => (process.runState = 'running'));
      return process;
    },
    pressPower(uid) {
      const { process } = machine(uid);
      if (process === undefined) return;
      watch.ending(uid, 'power-button', process);
      // Some guests are slow, and some do not listen.
      const delayMs = random.chance(0.15) ? Infinity : random.between(500, 15_000);
      if (delayMs < Infinity)
        later(uid, process, delayMs, 'guest goes down', () => (process.runState = 'shutdown'));
    },
    pause(uid, process) {
      if (process.runState === 'running') process.runState = 'paused';
      tell(uid);
    },
    resume(uid) {
      const { process } = machine(uid);
      const isHeld = process?.runState === 'paused' || (process?.runState === 'io-error' && hasRoom);
      if (isHeld) process.runState = 'running';
      tell(uid);
    },
    endProcess(uid, process, how) {
      watch.ending(uid, how, process);
      later(uid, process, random.between(5, 300), `${how} works`, () => end(uid));
    },
    removeMachine(uid) {
      const own = machines.get(uid);
      if (own === undefined) return;
      watch.removing(uid, own);
      machines.delete(uid);
    },
    takeStartFailure() {
      if (failures === 0) return false;
      failures -= 1;
      watch.startFailed();
      return true;
    },
    onChange(listener) {
      listeners.push(listener);
    },
    failStarts(count) {
      failures = count;
    },
    setRoom(next) {
      hasRoom = next;
    },
    guestEvent(uid, event) {
      const { process } = machine(uid);
      if (process === undefined) return;
      if (event === 'guest shutdown') process.runState = 'shutdown';
      else if (event === 'guest panic') process.runState = 'guest-panicked';
      else if (event === 'io-error') process.runState = 'io-error';
      else if (event === 'QEMU dies') end(uid);
      else {
        process.answers = false;
        later(uid, process, 60_000, 'the monitor answers again', () => (process.answers = true));
      }
      tell(uid);
    },
    losePower() {
      for (const own of machines.values()) delete own.process;
      listeners.length = 0;
    },
  };
}
