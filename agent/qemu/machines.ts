import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../shared/base/errors.ts';
import type { Clock, Log } from '../../shared/ports.ts';
import type { CompiledMachine } from '../machine/compile.ts';
import type { Equipment } from '../machine/equipment.ts';
import { readMacs } from '../machine/mac.ts';
import { memoryLimitBytes } from '../machine/memory.ts';
import type { Accelerator, Happened, Machines, RunRecord, StartRequest } from '../ports.ts';
import type { Networks } from '../networks-port.ts';
import type { Accounts } from './accounts.ts';
import { createAccounts } from './accounts.ts';
import type { Limits } from './cgroups.ts';
import { findCgroups } from './cgroups.ts';
import { createConnections } from './connections.ts';
import { clearRemoved, findAccount, listMachines, machineFolder, removingFolder } from './folder.ts';
import { createHostDevices } from './host-devices.ts';
import { createHostPorts } from './host-ports.ts';
import { composeLimits, findService } from './launch.ts';
import { NO_LOAN, createLoans } from './loans.ts';
import type { Confinement, LocalMachine } from './machine.ts';
import { createMachine } from './machine.ts';
import type { OutsideSettings } from './outside-disks.ts';
import { runTool } from './tool.ts';

const CGROUP_ROOT = '/sys/fs/cgroup';

export interface MachinesOptions {
  readonly dataDir: string;
  /** The IPv4 address of the box on which guests' ports are forwarded. */
  readonly forwardAddress: string;
  /** The folder in which the `file:///` images of `kernelBoot` must lie. */
  readonly localImages: string;
  /** What of the box's own disks machines may have. */
  readonly outside?: OutsideSettings;
  /** The folder on the same file system that removed machines are moved to; without it they are deleted. */
  readonly trash?: string;
  /** The unprivileged user that QEMU runs as; the agent's own where none is given. Needs root. */
  readonly user?: string;
  /** What the box lends to single machines. */
  readonly equipment: Equipment;
  readonly networks: Networks;
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** The machines of this box as QEMU processes, over the folders in `<dataDir>/machines`. */
export function createMachines(options: MachinesOptions): Machines {
  const { bootId, clock, log, user, localImages, networks } = options;
  const outside = options.outside ?? { claims: new Map(), hostDiskFolders: [] };
  mkdirSync(join(options.dataDir, 'machines'), { recursive: true, mode: 0o711 });
  // The real path, as the kernel tells a process's working directory.
  const root = realpathSync(join(options.dataDir, 'machines'));
  const ports = createHostPorts(options.forwardAddress);
  const loans = createLoans(options.equipment, createHostDevices(options.equipment.hostDevices));
  const machines = new Map<string, LocalMachine>();
  const connections = createConnections({
    networks,
    clock,
    log,
    disconnect: async (uid) => machineOf(uid).disconnect(networks),
  });
  const listeners: ((uid: string) => void)[] = [];
  const hearers: ((uid: string, happened: Happened) => void)[] = [];
  const isRoot = userInfo().uid === 0;
  const useScopes = existsSync('/run/systemd/system') && isRoot;
  const cgroups = useScopes || !isRoot ? Promise.resolve(undefined) : findCgroups(CGROUP_ROOT);
  const service = useScopes ? findService(readFileSync('/proc/self/cgroup', 'utf8')) : undefined;
  const before = service === undefined ? {} : { before: service };
  let accounts: Accounts | undefined;
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
      onHappening: (happened) => {
        if (!closed) for (const hear of hearers) hear(uid, happened);
      },
    });
    machines.set(uid, machine);
    return machine;
  };

  // The folder is in the name too: agents with folders of their own may have machines of the same uid.
  const groupPrefix = (uid: string) =>
    `holdfast-${createHash('sha256').update(root).digest('hex').slice(0, 8)}-${uid}-`;
  const limitsOf = (machine: CompiledMachine, accelerator: Accelerator): Limits => ({
    memoryMaxBytes:
      memoryLimitBytes(machine.memoryBytes, machine.cpu, accelerator) + machine.memory.addedOverheadBytes,
    cpu: machine.limits,
  });
  const limitRun = async ({ uid, run, accelerator }: RunRecord, machine: CompiledMachine): Promise<void> => {
    const [unit, limits] = [`${groupPrefix(uid)}${run}`, limitsOf(machine, accelerator)];
    if (!useScopes) return (await cgroups)?.limit(unit, limits);
    const { file, args } = composeLimits({ unit, ...limits });
    await runTool(file, args);
  };
  const confinementOf = async ({ machine, run, accelerator }: StartRequest): Promise<Confinement> => {
    const unit = `${groupPrefix(machine.uid)}${run}`;
    const limits = limitsOf(machine, accelerator);
    if (useScopes) return { scope: { unit, ...limits, ...before } };
    const found = await cgroups;
    return {
      async enter(pid) {
        await found?.clear(groupPrefix(machine.uid));
        await found?.enter(unit, limits, pid);
      },
    };
  };

  /** Whom a machine's QEMU runs as, where that is not the agent's own user. */
  const accountOf = async (uid: string) => {
    if (user !== undefined) accounts ??= createAccounts(root, await findAccount(user));
    return accounts?.of(uid);
  };

  /** What the processes of machines have of the box's own. */
  const findLent = async () => {
    const uids = await listMachines(root);
    const observed = await Promise.all(uids.map(async (uid) => machineOf(uid).observe()));
    return new Map(
      observed
        // One of which nothing is known may have what it had.
        .filter(({ process, problem }) => process !== undefined || problem !== undefined)
        .map(({ uid, record }) => [uid, record?.lent ?? NO_LOAN]),
    );
  };

  /** An address of a guest: as the box has given it, or as the guest has told. */
  const findAddress = async (uid: string): Promise<string | undefined> => {
    const { record, process } = await machineOf(uid).observe();
    const given = await networks.addresses();
    const told = process?.addresses.flatMap(({ ips }) => ips) ?? [];
    const macs = [...readMacs(record?.command ?? []).values()];
    return macs.map((mac) => given.get(mac)).find((ip) => ip !== undefined) ?? told.find(isIPv4);
  };

  return {
    async observe() {
      const uids = await listMachines(root);
      const observed = await Promise.all(
        uids.map(async (uid) => {
          const observed = await machineOf(uid).observe();
          if (observed.record !== undefined) ports.claim(uid, observed.record.ports);
          return observed;
        }),
      );
      return connections.settle(observed);
    },
    async start(request) {
      const { uid } = request.machine;
      const account = await accountOf(uid);
      try {
        const loan = await loans.lend(request.machine, findLent, account);
        const context = { localImages, outside, bootId, account, ports, networks, clock, loan };
        await machineOf(uid).start(request, context, await confinementOf(request));
      } finally {
        loans.settle(uid);
      }
    },
    async change(uid, request) {
      await machineOf(uid).change(request, {
        account: await accountOf(uid),
        outside,
        ports,
        networks,
        limit: limitRun,
      });
    },
    makeDisk: async (uid, content, images) => machineOf(uid).makeDisk(content, { images, outside }),
    keep: async (uid, kept) => machineOf(uid).keep(kept),
    powerButton: async (uid) => machineOf(uid).command('system_powerdown'),
    pause: async (uid) => machineOf(uid).command('stop'),
    resume: async (uid) => machineOf(uid).command('cont'),
    reset: async (uid) => machineOf(uid).command('system_reset'),
    rebootGuest: async (uid) => machineOf(uid).rebootGuest(),
    runInGuest: async (uid, words, deadlineMs) => machineOf(uid).runInGuest(words, deadlineMs),
    pingGuest: async (uid, deadlineMs) => machineOf(uid).pingGuest(deadlineMs),
    readGuest: async (uid) => machineOf(uid).readGuest(),
    async measure() {
      const uids = await listMachines(root);
      const figures = await Promise.all(
        uids.map((uid) =>
          machineOf(uid)
            .measure()
            .catch(() => undefined),
        ),
      );
      return figures.filter((one) => one !== undefined);
    },
    quit: async (uid) => machineOf(uid).command('quit'),
    growDisk: async (uid, dataVolume, bytes) => machineOf(uid).growDisk(dataVolume, bytes),
    giveCredentials: async (uid, credentials) => machineOf(uid).giveCredentials(credentials),
    kill: async (uid) => machineOf(uid).kill(),
    async remove(uid) {
      const folder = machineFolder(root, uid);
      const exists = await access(folder).then(
        () => true,
        () => false,
      );
      const leaving = removingFolder(root, uid);
      const { trash } = options;
      const removal = { leaving, nowMs: clock.now(), ...(trash === undefined ? {} : { trash }) };
      if (exists) await machineOf(uid).remove(removal);
      await (await cgroups)?.clear(groupPrefix(uid));
      machines.delete(uid);
      ports.release(uid);
      await networks.forget(uid);
    },
    openConsole: async (uid) => machineOf(uid).openConsole(),
    openStream: async (uid, target) => machineOf(uid).openStream(target, async () => findAddress(uid)),
    freezeGuest: async (uid) => machineOf(uid).freezeGuest(),
    thawGuest: async (uid) => machineOf(uid).thawGuest(),
    onChange(listener) {
      listeners.push(listener);
    },
    onHappening(listener) {
      hearers.push(listener);
    },
    async close() {
      closed = true;
      for (const machine of machines.values()) machine.close();
      machines.clear();
    },
  };
}
