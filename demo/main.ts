import { existsSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../shared/config/load.ts';
import type { ApiClient } from './api-client.ts';
import { createApiClient, waitFor } from './api-client.ts';
import type { DemoConfig } from './config.ts';
import { CHECKOUT, DEMO_SETTINGS } from './config.ts';
import { compileGuide } from './guide.ts';
import type { ImageServer } from './image-server.ts';
import { serveImage } from './image-server.ts';
import { compileManifest, DEVICE, MACHINE } from './manifest.ts';
import type { Supervised } from './supervisor.ts';
import { supervise } from './supervisor.ts';

/** How long a hub that was killed stays away: long enough to look at a box without one. */
const HUB_RESTART_MS = 30_000;
const AGENT_RESTART_MS = 5_000;
const START_DEADLINE_MS = 30_000;
/** The first boot fetches the image, and without KVM a guest takes its time. */
const BOOT_DEADLINE_MS = 180_000;
const STOP_DEADLINE_MS = 60_000;

interface Addresses {
  readonly api: string;
  readonly mqtt: string;
}

/** Runs a hub, an agent and one machine here until Ctrl-C, which shuts the guest down and ends them all. */
export async function runDemo(flags: Readonly<Record<string, string | undefined>>): Promise<void> {
  const config = loadConfig(DEMO_SETTINGS, { flags, environment: process.env });
  if (!existsSync(CHECKOUT.image)) throw new Error(`${CHECKOUT.image} is missing: run bin/setup`);
  const interrupted = untilInterrupted();
  const startedMs = Date.now();
  const say = (line: string) => {
    process.stdout.write(`${((Date.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
  };
  const hub = supervise('hub', join(config.dataDir, 'hub'), HUB_RESTART_MS, say);
  const agent = supervise('agent', join(config.dataDir, DEVICE), AGENT_RESTART_MS, say);
  const image = await serveImage(CHECKOUT.image);
  let api: ApiClient | undefined;
  let problem: unknown;
  try {
    const ready = startAll(config, hub, agent, image, say).then((client) => {
      api = client.api;
      return client;
    });
    const outcome = await Promise.race([ready, interrupted]);
    if (outcome !== undefined) {
      const { dataDir } = config;
      process.stdout.write(
        compileGuide({ dataDir, port: outcome.port, hub, agent, kubectl: CHECKOUT.kubectl }),
      );
      await interrupted;
    }
  } catch (error) {
    problem = error;
  }
  await stopAll(config, hub, agent, image, api, say);
  if (problem !== undefined) throw problem;
}

async function startAll(
  { dataDir, apiListen, mqttListen, accel }: DemoConfig,
  hub: Supervised,
  agent: Supervised,
  image: ImageServer,
  say: (line: string) => void,
): Promise<{ api: ApiClient; port: number }> {
  say('starting the hub: API, MQTT broker, store');
  const [hubDir, agentDir] = [join(dataDir, 'hub'), join(dataDir, DEVICE)];
  endLeftover(hub.pidFile, hubDir);
  endLeftover(agent.pidFile, agentDir);
  // A hub that is started again has to be where its clients know it, so free ports are found once.
  const before = readAddresses(hubDir);
  const listen = (wanted: { host: string; port: number }, last: string | undefined) =>
    wanted.port === 0 && last !== undefined ? last : `${wanted.host}:${wanted.port}`;
  rmSync(join(hubDir, 'addresses.json'), { force: true });
  hub.start([
    ...['--data-dir', hubDir],
    ...['--api-listen', listen(apiListen, before?.api)],
    ...['--mqtt-listen', listen(mqttListen, before?.mqtt)],
  ]);
  const addresses = await waitFor(`the hub (see ${hub.logFile})`, START_DEADLINE_MS, async () =>
    readAddresses(hubDir),
  );
  say(`the hub answers at http://${addresses.api}`);

  agent.start([
    ...['--data-dir', agentDir, '--name', DEVICE],
    ...['--hub', `mqtt://${addresses.mqtt}`, '--accel', accel],
  ]);
  say(`the agent of device ${DEVICE} is starting`);

  const api = createApiClient(addresses.api);
  await waitFor(`the device (see ${agent.logFile})`, START_DEADLINE_MS, async () => api.deviceConnected());
  say(`device ${DEVICE} is connected`);
  await api.apply(compileManifest(image));
  say(`VirtualMachine ${MACHINE} was given to the hub`);
  return { api, port: await followBoot(api, agentDir, agent, say) };
}

/** Says each step of the machine on its way up; the result is the box's port that leads to its web server. */
async function followBoot(api: ApiClient, agentDir: string, agent: Supervised, say: (line: string) => void) {
  let said = '';
  const port = await waitFor(`Running (see ${agent.logFile})`, BOOT_DEADLINE_MS, async () => {
    const { status } = await api.machine();
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    const line = `${status?.printableStatus}: ${ready?.message}`;
    if (status?.printableStatus !== undefined && line !== said) say(line);
    said = line;
    if (status?.printableStatus !== 'Running') return undefined;
    return (await api.instance())?.status?.interfaces?.[0]?.ports?.[0]?.hostPort;
  });
  say(`127.0.0.1:${port} is forwarded to the guest's port 80; the guest is booting`);
  const guest = await waitFor('an answer of the guest', BOOT_DEADLINE_MS, async () => {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5_000) });
    return (await response.json()) as { hostname: string; bootId: string; boots: number };
  });
  const { metadata } = await api.machine();
  const console_ = join(agentDir, 'machines', metadata.uid ?? '', 'console.log');
  const line = await waitFor('the guest on its console', BOOT_DEADLINE_MS, async () => {
    const lines = (await readFile(console_, 'utf8')).split(/\r?\n/);
    return lines.findLast((text) => text.startsWith('holdfast-guest: ready') && text.includes(guest.bootId));
  });
  say(`the guest's console says: ${line}`);
  say(`http://127.0.0.1:${port}/ answers: ${guest.hostname}, boot ${guest.boots} from this disk`);
  return port;
}

async function stopAll(
  { dataDir }: DemoConfig,
  hub: Supervised,
  agent: Supervised,
  image: ImageServer,
  api: ApiClient | undefined,
  say: (line: string) => void,
): Promise<void> {
  try {
    if (api !== undefined) await haltMachine(api, say);
  } catch (error) {
    say(`the guest could not be shut down: ${String(error)}`);
    say(`it goes on; "${CHECKOUT.holdfast} demo" takes it over again`);
  }
  await agent.stop();
  await hub.stop();
  image.close();
  say(`stopped; the state for the next start is in ${dataDir}`);
}

async function haltMachine(api: ApiClient, say: (line: string) => void): Promise<void> {
  say('shutting the guest down');
  await waitFor('the hub', HUB_RESTART_MS + START_DEADLINE_MS, async () => {
    await api.patch({ spec: { runStrategy: 'Halted' } });
    return true;
  });
  await waitFor('the end of the guest', STOP_DEADLINE_MS, async () => {
    const { metadata, status } = await api.machine();
    const isNews = status?.observedGeneration === metadata.generation;
    return isNews && status?.printableStatus === 'Stopped' ? true : undefined;
  });
  say('the guest has shut down');
}

function readAddresses(hubDir: string): Addresses | undefined {
  const path = join(hubDir, 'addresses.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Addresses) : undefined;
}

/** Resolves at the first Ctrl-C (or SIGTERM, or the terminal's end); at the second the demo ends as it is. */
function untilInterrupted(): Promise<undefined> {
  return new Promise((resolve) => {
    let interrupts = 0;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        interrupts += 1;
        if (interrupts > 1) process.exit(130);
        resolve(undefined);
      });
    }
  });
}

/** Ends a process that a demo which was itself killed has left running. */
function endLeftover(pidFile: string, dataDir: string): void {
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8'));
  const commandFile = `/proc/${pid}/cmdline`;
  if (!existsSync(commandFile) || !readFileSync(commandFile, 'utf8').includes(dataDir)) return;
  process.kill(pid, 'SIGKILL');
}
