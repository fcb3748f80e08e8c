import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { messageOf } from '../shared/base/errors.ts';
import { loadConfig } from '../shared/config/load.ts';
import { createClock } from '../shared/host/clock.ts';
import { readBootId } from '../shared/host/files.ts';
import { lockFolder } from '../shared/host/lock.ts';
import { createLog } from '../shared/host/log.ts';
import { readMqttAccess } from '../shared/host/mqtt-access.ts';
import type { MqttAccess } from '../shared/host/mqtt-client.ts';
import { createRandom } from '../shared/host/random.ts';
import type { Log } from '../shared/ports.ts';
import { readPlace } from '../shared/tunnel/place.ts';
import { VERSION } from '../shared/version.ts';
import { createAgent } from './agent.ts';
import type { AgentConfig } from './config.ts';
import { AGENT_SETTINGS } from './config.ts';
import { createAcceleratorProbe } from './facts/accelerator-probe.ts';
import { createFacts } from './facts/facts.ts';
import { isGoingDown, readSystemState } from './facts/going-down.ts';
import { readIdentity } from './facts/identity.ts';
import { createImages } from './image/images.ts';
import { createMqttLink } from './link/mqtt-link.ts';
import { SOCKET_NAME } from './local/client.ts';
import { serveLocalDoor } from './local/server.ts';
import { serveMetrics } from './metrics/server.ts';
import { composeKeepAlive } from './network/keep-alive.ts';
import { closeLoopback, openLoopback } from './network/loopback.ts';
import { createNetworks } from './network/networks.ts';
import { createShell } from './network/shell.ts';
import type { BoxMemory } from './plan/room.ts';
import { createProbes } from './probe/probes.ts';
import { MACHINE_USERS } from './qemu/accounts.ts';
import { checkPassage, findAccount } from './qemu/folder.ts';
import type { Account } from './qemu/launch.ts';
import { accountCommand } from './qemu/launch.ts';
import { createMachines } from './qemu/machines.ts';
import { createTrash } from './qemu/trash.ts';
import { createStore } from './store/store.ts';
import type { TunnelAccess } from './tunnel/tunnel.ts';
import { createTunnel } from './tunnel/tunnel.ts';

/** By when an agent has loaded what it needs. */
const FLUSH_AFTER_MS = 60_000;

/** Runs the agent until SIGTERM or SIGINT. It leaves its machines running then, unless the box itself is going down. */
export async function runAgent(flags: Readonly<Record<string, string | undefined>>): Promise<void> {
  const config = loadConfig(AGENT_SETTINGS, { flags, environment: process.env });
  const { dataDir, name: device } = config;
  const log = createLog(config.logLevel, `agent ${device}`);
  const [clock, random, bootId] = [createClock(), createRandom(), readBootId()];
  // QEMU's own user has to pass through to the disks that it owns.
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  const [unlock, account] = await Promise.all([lockFolder(dataDir), findQemuAccount(config, log)]);
  const loopbackGuarded = account === undefined ? undefined : guardLoopback(config, log);

  const { forwardAddress, podBridge, podSubnet } = config;
  const { localImages, claims, hostDiskFolders, hostDevices, dedicatedCpus } = config;
  const equipment = { architecture: readArchitecture(), hostDevices, dedicatedCpus };
  const outside = { claims, hostDiskFolders };
  const trash = createTrash(dataDir);
  const reserveBytes = config.reserveMebibytes * 2 ** 20;
  const keepsTrash = config.trashHours > 0;
  const networks = createNetworks({
    dataDir: realpathSync(dataDir),
    podBridge,
    podSubnet,
    shell: createShell(),
    keepAlive: composeKeepAlive(),
    clock,
  });
  const machines = createMachines({
    dataDir,
    forwardAddress,
    localImages,
    equipment,
    outside,
    networks,
    bootId,
    clock,
    log,
    ...(keepsTrash ? { trash: trash.folder } : {}),
    ...(account === undefined ? {} : { user: config.qemuUser }),
  });
  const agent = createAgent(
    {
      device,
      version: VERSION,
      bootId,
      equipment,
      identity: readIdentity(),
      trash: { keepMs: config.trashHours * 3_600_000, reserveBytes },
      memory: readMemory(config),
    },
    {
      store: createStore(join(dataDir, 'agent.db'), random),
      machines,
      trash,
      probes: createProbes(machines, clock),
      images: createImages({ ...readImageSettings(config, account), dataDir, clock, random, log }),
      link: createMqttLink(readAccess(config), device, config.keepalive, clock),
      tunnel: createTunnel(readTunnelAccess(config), clock),
      facts: createFacts({ dataDir, agentVersion: VERSION, nodeVersion: process.version, bootId, clock }),
      accelerator: createAcceleratorProbe({ dataDir, requested: config.accel, bootId, clock }),
      clock,
      random,
      log,
    },
  );
  const { metricsListen: listen } = config;
  const metrics =
    listen && (await serveMetrics({ listen, device, measure: async () => machines.measure(), log }));
  const server = await serveLocalDoor(join(dataDir, SOCKET_NAME), agent.door, log);
  await loopbackGuarded;
  agent.start();
  log.info({ dataDir, hub: config.hub, version: VERSION }, 'agent started');
  saveMemory();
  // Node itself does so at an orderly end only, and many a box only ever loses its power.
  const cancelFlush = clock.after(FLUSH_AFTER_MS, () => flushCompileCache());

  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  if (isGoingDown(await readSystemState())) {
    log.info({}, 'the box is shutting down, and so are its machines');
    await agent.shutDownMachines(config.shutdownSeconds * 1_000);
  }
  cancelFlush();
  await metrics?.close();
  await server.close();
  await agent.stop();
  unlock();
  log.info({}, 'agent stopped; machines that run go on');
}

/**
 * An agent runs for months and does little: its memory matters, and how much it could do in a second does not. Hence no
 * optimizing compiler. On Node's command line these would void what Node has compiled of itself, and cost a start more
 * than anything else in it.
 */
function saveMemory(): void {
  for (const flag of ['--optimize-for-size', '--no-opt']) setFlagsFromString(flag);
}

function readArchitecture(): 'amd64' | 'arm64' {
  return process.arch === 'arm64' ? 'arm64' : 'amd64';
}

/** The box's memory, or that of the container that the agent is in. */
function readMemory({ reserveMemoryMebibytes }: AgentConfig): BoxMemory {
  const limit = process.constrainedMemory();
  const totalBytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return { totalBytes, reserveBytes: reserveMemoryMebibytes * 2 ** 20 };
}

function readImageSettings(config: AgentConfig, account: Account | undefined) {
  const { registryCa, registryLogins, registries: mirrors } = config;
  return {
    reserveBytes: config.reserveMebibytes * 2 ** 20,
    budgetBytes: config.imageBudgetMebibytes * 2 ** 20,
    largestBytes: config.imageLimitGibibytes * 2 ** 30,
    runAs: account === undefined ? [] : accountCommand(account),
    registries: {
      mirrors,
      certificates: registryCa === '' ? [] : [readFileSync(registryCa, 'utf8')],
      readLogins: () => (registryLogins === '' ? undefined : readFileSync(registryLogins, 'utf8')),
      architecture: readArchitecture(),
    },
  };
}

function readAccess(config: AgentConfig): MqttAccess {
  return readMqttAccess(config.hub, {
    user: config.hubUser === '' ? config.name : config.hubUser,
    passwordFile: config.hubPasswordFile,
    ca: config.hubCa,
    certificate: config.hubCertificate,
    key: config.hubKey,
  });
}

/** The device shows the same certificate there as at its broker. */
function readTunnelAccess(config: AgentConfig): TunnelAccess {
  const { ca, cert, key } = readAccess(config);
  return {
    brokerHost: new URL(config.hub).hostname,
    ...(config.hubTunnel !== undefined && { place: readPlace(config.hubTunnel) }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

/** What guests in user-mode networks can do to the box is what QEMU's user can. */
async function guardLoopback({ boxLoopback }: AgentConfig, log: Log): Promise<void> {
  try {
    await (boxLoopback === 'closed' ? closeLoopback : openLoopback)(createShell(), MACHINE_USERS);
  } catch (error) {
    if (boxLoopback === 'closed')
      log.warn({ error: messageOf(error) }, "guests with masquerade can reach the box's loopback");
  }
}

/** Whom QEMU runs as: only root can give it a user of its own, and only one that gets to its files. */
async function findQemuAccount(
  { qemuUser: user, dataDir }: AgentConfig,
  log: Log,
): Promise<Account | undefined> {
  if (process.getuid?.() !== 0 || user === '') return undefined;
  try {
    const account = await findAccount(user);
    await checkPassage(account, dataDir);
    return account;
  } catch (error) {
    log.warn({ user, error: messageOf(error) }, 'qemuUser can not be used: QEMU runs as root');
    return undefined;
  }
}
