import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../shared/base/errors.ts';
import type { Clock, Log } from '../../shared/ports.ts';
import { memoryLimitBytes } from '../machine/memory.ts';
import type { Machines, StartRequest } from '../ports.ts';
import { clearRemoved, findAccount, listMachines, machineFolder, removingFolder } from './folder.ts';
import { createHostPorts } from './host-ports.ts';
import type { Account, Scope } from './launch.ts';
import type { LocalMachine } from './machine.ts';
import { createMachine } from './machine.ts';

export interface MachinesOptions {
  readonly dataDir: string;
  /** The IPv4 address of the box on which guests' ports are forwarded. */
  readonly forwardAddress: string;
  /** The folder in which the `file:///` images of `kernelBoot` must lie. */
  readonly localImages: string;
  /** The unprivileged user that QEMU runs as; the agent's own where none is given. Needs root. */
  readonly user?: string;
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** The machines of this box as QEMU processes, over the folders in `<dataDir>/machines`. */
export function createMachines(options: MachinesOptions): Machines {
  const { bootId, clock, log, user, localImages } = options;
  mkdirSync(join(options.dataDir, 'machines'), { recursive: true, mode: 0o711 });
  // The real path, as the kernel tells a process's working directory.
  const root = realpathSync(join(options.dataDir, 'machines'));
  const ports = createHostPorts(options.forwardAddress);
  const machines = new Map<string, LocalMachine>();
  const listeners: ((uid: string) => void)[] = [];
  const useScopes = existsSync('/run/systemd/system') && userInfo().uid === 0;
  let account: Account | undefined;
  let closed = false;

  clearRemoved(root).catch((error: unknown) => {
    log.warn({ folder: root, reason: messageOf(error) }, 'could not finish an earlier removal');
  });

  const tell = (uid: string) => {
    if (!closed) for (const listener of listeners) listener(uid);
  };

  const machineOf = (uid: string): LocalMachine => {
    const known = machines.get(uid);
    if (known !== undefined) return known;
    const machine = createMachine({
      uid,
      folder: machineFolder(root, uid),
      bootId,
      clock,
      log,
      onChange: () => tell(uid),
    });
    machines.set(uid, machine);
    return machine;
  };

  const scopeOf = ({ machine, run, accelerator }: StartRequest): Scope | undefined => {
    if (!useScopes) return undefined;
    // The folder is in the name too: agents with folders of their own may have machines of the same uid.
    const place = createHash('sha256').update(root).digest('hex').slice(0, 8);
    const memoryMaxBytes = memoryLimitBytes(machine.memoryBytes, machine.cpu, accelerator);
    return { unit: `holdfast-${place}-${machine.uid}-${run}`, memoryMaxBytes };
  };

  return {
    async observe() {
      const uids = await listMachines(root);
      return Promise.all(
        uids.map(async (uid) => {
          const observed = await machineOf(uid).observe();
          if (observed.record !== undefined) ports.claim(uid, observed.record.ports);
          return observed;
        }),
      );
    },
    async start(request) {
      if (user !== undefined) account ??= await findAccount(user);
      const { uid } = request.machine;
      await machineOf(uid).start(request, { localImages, bootId, account, ports, clock }, scopeOf(request));
    },
    async change(uid, request) {
      if (user !== undefined) account ??= await findAccount(user);
      await machineOf(uid).change(request, { account, ports });
    },
    keep: async (uid, kept) => machineOf(uid).keep(kept),
    powerButton: async (uid) => machineOf(uid).command('system_powerdown'),
    pause: async (uid) => machineOf(uid).command('stop'),
    resume: async (uid) => machineOf(uid).command('cont'),
    reset: async (uid) => machineOf(uid).command('system_reset'),
    rebootGuest: async (uid) => machineOf(uid).rebootGuest(),
    readGuest: async (uid) => machineOf(uid).readGuest(),
    quit: async (uid) => machineOf(uid).command('quit'),
    kill: async (uid) => machineOf(uid).kill(),
    async remove(uid) {
      const folder = machineFolder(root, uid);
      const exists = await access(folder).then(
        () => true,
        () => false,
      );
      if (exists) await machineOf(uid).remove(removingFolder(root, uid));
      machines.delete(uid);
      ports.release(uid);
    },
    openConsole: async (uid) => machineOf(uid).openConsole(),
    onChange(listener) {
      listeners.push(listener);
    },
    async close() {
      closed = true;
      for (const machine of machines.values()) machine.close();
      machines.clear();
    },
  };
}
