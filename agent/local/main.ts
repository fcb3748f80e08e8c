import { createReadStream } from 'node:fs';
import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify as stringifyYaml } from 'yaml';
import { loadConfig } from '../../shared/config/load.ts';
import { formatBytes } from '../../shared/base/quantity.ts';
import { formatTable } from '../../shared/base/table.ts';
import { attachConsole } from '../../shared/host/attach-console.ts';
import { AGENT_SETTINGS } from '../config.ts';
import type { OrderVerb } from '../plan/order.ts';
import type { LocalClient } from './client.ts';
import { createLocalClient } from './client.ts';
import type { LocalMachine, LocalStatus } from './door.ts';

/** The commands on a box: what they print, and when they are done. */

export const OUTPUTS = ['text', 'json', 'yaml'] as const;
export type Output = (typeof OUTPUTS)[number];
export const LOCAL_SETTINGS = { dataDir: AGENT_SETTINGS.dataDir };

const POLL_MS = 300;
/** How long an order is watched; its machine's grace period may be longer, and it then goes on unwatched. */
const WATCH_MS = 120_000;

type Flags = Readonly<Record<string, string | undefined>>;

export async function printStatus(flags: Flags, output: Output): Promise<void> {
  const status = await connect(flags).status();
  print(status, output, () => {
    const { device, version, link, outbox, desired, machines } = status;
    const waits = outbox.pending === 1 ? '1 report waits' : `${outbox.pending} reports wait`;
    const why = link.problem === undefined ? '' : `: ${link.problem}`;
    return [
      `device   ${device} (agent ${version})`,
      `link     ${link.state} since ${link.since}${why}`,
      `outbox   ${waits} to be sent`,
      `desired  generation ${desired.generation}`,
      ...machines.flatMap(describeHold),
      '',
      tableOf(machines),
    ].join('\n');
  });
}

export async function printMachines(flags: Flags, output: Output): Promise<void> {
  const { machines } = await connect(flags).status();
  print(machines, output, () => tableOf(machines));
}

export async function orderMachine(
  flags: Flags,
  verb: OrderVerb,
  machine: string,
  reason: string,
  wait: boolean,
) {
  const client = connect(flags);
  const before = find(await client.status(), machine);
  await client.order(verb, machine, reason, findGiver());
  if (wait) await watchOrder(client, verb, machine, before?.pid);
}

/** Who gives an order. Only the agent's own user gets to its socket, so there is nothing to be gained by a lie. */
function findGiver(): string | undefined {
  try {
    return process.env['SUDO_USER'] ?? userInfo().username;
  } catch {
    // A user without a name, as in containers.
    return undefined;
  }
}

/** Says each state that the machine passes through until it is where the order leads. */
async function watchOrder(
  client: LocalClient,
  verb: OrderVerb,
  machine: string,
  pid: number | undefined,
): Promise<void> {
  let said = '';
  for (let waitedMs = 0; waitedMs < WATCH_MS; waitedMs += POLL_MS) {
    const now = find(await client.status(), machine);
    const line = `${now?.state}: ${now?.message}`;
    if (line !== said) process.stdout.write(`${line}\n`);
    said = line;
    if (isThere(verb, now, pid)) return;
    if (now?.state === 'Refused') throw new Error(`${machine} can't be started: ${now.message}`);
    await sleep(POLL_MS);
  }
  throw new Error(`${machine} is still not there after ${WATCH_MS / 1000} s; the order holds and goes on`);
}

/** Whether an order has led where it was meant to; `pid` is that of the run it was given in. */
function isThere(verb: OrderVerb, now: LocalMachine | undefined, pid: number | undefined): boolean {
  switch (verb) {
    case 'stop':
      return now?.pid === undefined;
    case 'start':
      // One whose runs begin paused is where it was meant to be.
      return now?.state === 'Running' || now?.state === 'Paused';
    case 'restart':
      return (now?.state === 'Running' || now?.state === 'Paused') && now.pid !== pid;
    case 'pause':
      return now?.state === 'Paused';
    case 'unpause':
      return now?.state === 'Running';
    // What the guest makes of these is its own matter.
    case 'softreboot':
    case 'reset':
      return true;
  }
}

export async function printTrash(flags: Flags, output: Output): Promise<void> {
  const entries = await connect(flags).listTrash();
  print(entries, output, () => {
    if (entries.length === 0) return 'the trash is empty';
    const rows = entries.map(({ id, namespace, name, heldMs, bytes, disks }) => [
      id,
      `${namespace}/${name}`,
      `${Math.floor(heldMs / 3_600_000)} h`,
      formatBytes(bytes),
      disks.map(({ dataVolume }) => dataVolume).join(' ') || '-',
    ]);
    return formatTable([['ENTRY', 'MACHINE', 'KEPT', 'SIZE', 'DATA VOLUMES'], ...rows]);
  });
}

export async function restoreTrash(flags: Flags, entry: string, machine: string): Promise<void> {
  const disks = await connect(flags).restoreTrash(entry, machine);
  process.stdout.write(`${machine} has got ${disks.join(', ') || 'nothing: the entry has no disks'}\n`);
}

export async function emptyTrash(flags: Flags, entry: string | undefined): Promise<void> {
  const deleted = await connect(flags).emptyTrash(entry);
  process.stdout.write(deleted.map((id) => `deleted ${id}\n`).join('') || 'the trash is empty\n');
}

/** Fills a data volume of this box from a file, and says what came of it. */
export async function uploadImage(flags: Flags, volume: string, path: string): Promise<void> {
  await connect(flags).upload(volume, createReadStream(path));
  process.stdout.write(`${volume} has been filled from ${path}\n`);
}

/** Joins the terminal to a machine's serial console until Ctrl-] or the end of either. */
export async function joinConsole(flags: Flags, machine: string): Promise<void> {
  const serial = await connect(flags).openConsole(machine);
  await attachConsole(
    machine,
    serial,
    process,
    'the machine or the agent has stopped, or another client has it',
  );
}

function connect(flags: Flags): LocalClient {
  return createLocalClient(loadConfig(LOCAL_SETTINGS, { flags, environment: process.env }).dataDir);
}

function find({ machines }: LocalStatus, machine: string): LocalMachine | undefined {
  return machines.find(({ namespace, name, uid }) => [name, `${namespace}/${name}`, uid].includes(machine));
}

function print(value: unknown, output: Output, text: () => string): void {
  const forms = {
    text,
    json: () => JSON.stringify(value, null, 2),
    yaml: () => stringifyYaml(value).trimEnd(),
  };
  process.stdout.write(`${forms[output]()}\n`);
}

/** An order that holds, and how it ends. */
function describeHold({ namespace, name, override }: LocalMachine): string[] {
  if (override === undefined) return [];
  const { verb, at, reason, by } = override;
  const opposite = verb === 'stop' ? 'start' : 'stop';
  const giver = by === undefined ? '' : ` by ${by}`;
  const end = `until 'holdfast vm ${opposite} ${namespace}/${name}' here, or until the hub releases it`;
  return [`held     ${namespace}/${name}: ${verb} ordered${giver} at ${at}, ${end}: ${reason}`];
}

function tableOf(machines: readonly LocalMachine[]): string {
  if (machines.length === 0) return 'no machines';
  const rows = machines.map(({ namespace, name, state, pid, ports, message }) => [
    namespace,
    name,
    state,
    pid === undefined ? '-' : String(pid),
    ports.map(({ host, port }) => `${host}->${port}`).join(' ') || '-',
    message,
  ]);
  return formatTable([['NAMESPACE', 'NAME', 'STATE', 'PID', 'PORTS', 'MESSAGE'], ...rows]);
}
