import { EffectError } from '../../shared/base/errors.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import type { Equipment } from '../machine/equipment.ts';
import type { HostDeviceAddress, Lent } from '../machine/host-device.ts';
import type { Account } from './launch.ts';
import type { HostDevices } from './host-devices.ts';

/** What a run has of the box's own, and no other run meanwhile. */
export interface Loan extends Lent {
  /** The NUMA node that all of its CPUs are of, where that was asked for. */
  readonly memoryNode?: number;
}

export const NO_LOAN: Loan = { hostDevices: [], cpus: [] };

/** Lends the box's devices and CPUs to runs; what a process of a machine has is on loan until it ends. */
export interface Loans {
  /**
   * `inUse` is asked for what processes have, by machine. What is lent counts as in use until `settle`, by when the
   * process has it or never will.
   * @throws EffectError DeviceTaken, DeviceMissing, DeviceNotReady, CpusTaken
   */
  lend(
    machine: CompiledMachine,
    inUse: () => Promise<ReadonlyMap<string, Lent>>,
    account?: Account,
  ): Promise<Loan>;
  settle(uid: string): void;
}

export function createLoans(equipment: Equipment, hostDevices: HostDevices): Loans {
  const starting = new Map<string, Lent>();
  let turn: Promise<unknown> = Promise.resolve();

  const choose = async (
    { uid, cpu, devices }: CompiledMachine,
    inUse: () => Promise<ReadonlyMap<string, Lent>>,
    account: Account | undefined,
  ): Promise<Loan> => {
    const others = new Map([...(await inUse()), ...starting]);
    others.delete(uid);
    const taken = new Map<string, string>();
    const takenCpus = new Set<number>();
    for (const [owner, lent] of others) {
      for (const device of lent.hostDevices) taken.set(keyOf(device), owner);
      for (const number of lent.cpus) takenCpus.add(number);
    }
    const chosen: HostDeviceAddress[] = [];
    for (const { name, resource } of devices.hostDevices) {
      const there = await hostDevices.find(resource);
      if (there.length === 0) {
        const message = `no device is there that the setting hostDevices means by ${resource} (device ${name} of the machine)`;
        throw new EffectError('DeviceMissing', resource, message);
      }
      const free = there.find((device) => !taken.has(keyOf(device)));
      if (free === undefined) {
        const owners = [...new Set(there.map((device) => taken.get(keyOf(device))))].join(', ');
        const message = `each ${resource} of this box is taken (device ${name} of the machine): by ${owners}`;
        throw new EffectError('DeviceTaken', resource, message);
      }
      taken.set(keyOf(free), uid);
      chosen.push(free);
    }
    for (const device of chosen) await hostDevices.handOver(device, account);
    const { dedicated } = cpu;
    const free = equipment.dedicatedCpus.filter((number) => !takenCpus.has(number));
    if (dedicated === undefined) return { hostDevices: chosen, cpus: [] };
    if (!dedicated.oneNode) {
      if (free.length < dedicated.count) throw tooFew(dedicated.count, free.length, '');
      return { hostDevices: chosen, cpus: free.slice(0, dedicated.count) };
    }
    const nodes = await hostDevices.nodes();
    const fits = nodes
      .map(({ node, cpus }) => ({ node, cpus: cpus.filter((number) => free.includes(number)) }))
      .find(({ cpus }) => cpus.length >= dedicated.count);
    if (fits === undefined) throw tooFew(dedicated.count, free.length, ' on one NUMA node');
    return { hostDevices: chosen, cpus: fits.cpus.slice(0, dedicated.count), memoryNode: fits.node };
  };

  return {
    async lend(machine, inUse, account) {
      if (machine.devices.hostDevices.length === 0 && machine.cpu.dedicated === undefined) return NO_LOAN;
      const chosen = turn.then(
        async () => choose(machine, inUse, account),
        async () => choose(machine, inUse, account),
      );
      turn = chosen.then(
        (loan) => starting.set(machine.uid, loan),
        () => {},
      );
      await turn;
      return chosen;
    },
    settle: (uid) => void starting.delete(uid),
  };
}

function keyOf(device: HostDeviceAddress): string {
  return device.bus === 'pci' ? `pci ${device.address}` : `usb ${device.place}`;
}

function tooFew(wanted: number, free: number, where: string): EffectError {
  const message = `${wanted} CPUs of its own are asked for${where}, and of those that the setting dedicatedCpus names ${free} are free`;
  return new EffectError('CpusTaken', 'dedicatedCpus', message);
}
