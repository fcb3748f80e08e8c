import { existsSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Address } from '../shared/config/settings.ts';
import type { ApiClient } from './api-client.ts';
import { parse } from 'yaml';
import { findServer } from '../hub/operator/find-server.ts';
import { createApiClient } from './api-client.ts';
import type { DemoConfig } from './config.ts';
import type { ImageServer } from './image-server.ts';
import { compileManifest, DEVICE, MACHINE } from './manifest.ts';
import type { Supervised } from './supervisor.ts';
import { waitFor } from './wait-for.ts';

/** How long a hub that was killed stays away: long enough to look at a box without one. */
export const HUB_RESTART_MS = 20_000;
export const AGENT_RESTART_MS = 5_000;
const START_DEADLINE_MS = 30_000;
/** The first boot fetches the image, and without KVM a guest takes its time. */
const BOOT_DEADLINE_MS = 180_000;
const STOP_DEADLINE_MS = 60_000;

export interface Run {
  readonly config: DemoConfig;
  readonly hub: Supervised;
  readonly agent: Supervised;
  readonly image: ImageServer;
  readonly say: (line: string) => void;
  /** Aborted at Ctrl-C. */
  readonly signal: AbortSignal;
}

interface Addresses {
  readonly api: string;
  readonly mqtt: string;
}

interface Guest {
  readonly hostname: string;
  readonly bootId: string;
  readonly boots: number;
}

/** Starts everything; the result is the box's port that leads to the guest's web server, which has answered. */
export async function startAll(run: Run): Promise<number> {
  const { config, hub, agent, image, say, signal } = run;
  say('starting the hub: API, MQTT broker, store');
  const hubDir = join(config.dataDir, 'hub');
  const before = readAddresses(hubDir);
  rmSync(join(hubDir, 'addresses.json'), { force: true });
  hub.start(() => {
    // A hub that is started again has to be where its clients know it, so free ports are found once.
    const last = readAddresses(hubDir) ?? before;
    const listen = ({ host, port }: Address, known: string | undefined) =>
      port === 0 && known !== undefined ? known : `${host}:${port}`;
    const api = ['--api-listen', listen(config.apiListen, last?.api)];
    return ['--data-dir', hubDir, ...api, '--mqtt-listen', listen(config.mqttListen, last?.mqtt)];
  });
  const look = async () => readAddresses(hubDir);
  const addresses = await waitFor(`the hub (see ${hub.logFile})`, START_DEADLINE_MS, look, signal);
  say(`the hub answers at http://${addresses.api}`);

  const box = ['--data-dir', join(config.dataDir, DEVICE), '--name', DEVICE];
  agent.start(() => [...box, '--hub', `mqtt://${addresses.mqtt}`, '--accel', config.accel]);
  say(`the agent of device ${DEVICE} is starting`);
  const api = createApiClient(addresses.api, readToken(hubDir));
  const connected = () => api.deviceConnected();
  await waitFor(`the device (see ${agent.logFile})`, START_DEADLINE_MS, connected, signal);
  say(`device ${DEVICE} is connected`);

  await api.apply(compileManifest(image));
  say(`VirtualMachine ${MACHINE} was given to the hub`);
  return followBoot(run, api);
}

/** Says each step of the machine on its way up. */
async function followBoot({ config, agent, say, signal }: Run, api: ApiClient): Promise<number> {
  let said = '';
  const findPort = async () => {
    const { status } = await api.machine();
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    const line = `${status?.printableStatus}: ${ready?.message}`;
    if (status?.printableStatus !== undefined && line !== said) say(line);
    said = line;
    if (status?.printableStatus !== 'Running') return undefined;
    return (await api.instance())?.status?.interfaces?.[0]?.ports?.[0]?.hostPort;
  };
  const port = await waitFor(`Running (see ${agent.logFile})`, BOOT_DEADLINE_MS, findPort, signal);
  say(`127.0.0.1:${port} is forwarded to the guest's port 80; the guest is booting`);

  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5_000) });
    return (await response.json()) as Guest;
  };
  const guest = await waitFor('an answer of the guest', BOOT_DEADLINE_MS, ask, signal);
  const { metadata } = await api.machine();
  const consoleLog = join(config.dataDir, DEVICE, 'machines', metadata.uid ?? '', 'console.log');
  const findLine = async () => {
    const lines = (await readFile(consoleLog, 'utf8')).split(/\r?\n/);
    return lines.findLast((text) => text.startsWith('holdfast-guest: ready') && text.includes(guest.bootId));
  };
  const line = await waitFor('the guest on its console', BOOT_DEADLINE_MS, findLine, signal);
  say(`the guest's console says: ${line}`);
  say(`http://127.0.0.1:${port}/ answers: ${guest.hostname}, boot ${guest.boots} from this disk`);
  return port;
}

/** Shuts the guest down, wherever the start had got to, and ends the rest. */
export async function stopAll({ config, hub, agent, image, say }: Run): Promise<void> {
  const hubDir = join(config.dataDir, 'hub');
  const addresses = readAddresses(hubDir);
  try {
    if (addresses !== undefined) await haltMachine(createApiClient(addresses.api, readToken(hubDir)), say);
  } catch (error) {
    say(`the guest could not be shut down: ${String(error)}`);
    say('it goes on, and the next demo takes it over');
  }
  await agent.stop();
  await hub.stop();
  image.close();
  say(`stopped; the state for the next start is in ${config.dataDir}`);
}

async function haltMachine(api: ApiClient, say: (line: string) => void): Promise<void> {
  const halt = async () => ((await api.halt()) ? 'halted' : 'absent');
  if ((await waitFor('the hub', HUB_RESTART_MS + START_DEADLINE_MS, halt)) === 'absent') return;
  say('shutting the guest down');
  await waitFor('the end of the guest', STOP_DEADLINE_MS, async () => {
    const { metadata, status } = await api.machine();
    const isNews = status?.observedGeneration === metadata.generation;
    return isNews && status?.printableStatus === 'Stopped' ? true : undefined;
  });
  say('the guest has shut down');
}

/** The administrator's, which the hub wrote before its addresses. */
function readToken(hubDir: string): string {
  return findServer(parse(readFileSync(join(hubDir, 'admin.kubeconfig'), 'utf8'))).token;
}

function readAddresses(hubDir: string): Addresses | undefined {
  const path = join(hubDir, 'addresses.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Addresses) : undefined;
}
