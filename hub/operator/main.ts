import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parse as parseYaml } from 'yaml';
import { codeOf, messageOf } from '../../shared/base/errors.ts';
import { ConfigError } from '../../shared/config/load.ts';
import type { DeviceTimeline } from '../api/subresources/timeline.ts';
import { formatAddress } from '../../shared/base/address.ts';
import { createClock } from '../../shared/host/clock.ts';
import { attachConsole } from '../../shared/host/attach-console.ts';
import { callHub, readHub } from './call-hub.ts';
import { dialHub } from './dial-hub.ts';
import type { HubAccess } from './find-server.ts';
import { findServer } from './find-server.ts';
import { forwardPort, portOf } from './forward-port.ts';
import { formatTimeline } from './format-timeline.ts';

const MOST_PORT = 65_535;

/** The operator's commands against a hub's API, beside what kubectl does. */

interface HubFlags {
  readonly server?: string;
  readonly token?: string;
  readonly kubeconfig?: string;
}

export interface TimelineFlags extends HubFlags {
  readonly since?: string;
  readonly until?: string;
  readonly machine?: string;
  readonly limit?: string;
  readonly output: 'table' | 'json';
}

export interface LogFlags extends HubFlags {
  readonly since?: string;
  readonly tail?: string;
  readonly follow?: boolean;
  readonly timestamps?: boolean;
}

export interface PortForwardFlags extends HubFlags {
  readonly address: string;
  readonly stdio?: boolean;
}

/** Prints a device's history. @throws Error in a sentence, from the hub where it refuses what is asked */
export async function printTimeline(device: string, flags: TimelineFlags): Promise<void> {
  const { since = '', until = '', machine = '', limit = '', output } = flags;
  const query = new URLSearchParams({ since, until, machine, limit }).toString();
  const path = `/apis/holdfast.dev/v1alpha1/devices/${encodeURIComponent(device)}/timeline?${query}`;
  const timeline = (await callHub(chooseServer(flags), path)) as DeviceTimeline;
  const text = output === 'json' ? JSON.stringify(timeline, null, 2) : formatTimeline(timeline.items);
  process.stdout.write(`${text}\n`);
  if (timeline.truncated && output !== 'json')
    process.stderr.write('there is more before this: narrow --since and --until, or raise --limit\n');
}

/** Prints what a machine's serial console wrote. @throws as `printTimeline` */
export async function printLog(machine: string, flags: LogFlags): Promise<void> {
  const { since = '', tail = '', follow = false, timestamps = false } = flags;
  const query = new URLSearchParams({
    since,
    tailLines: tail,
    follow: `${follow}`,
    timestamps: `${timestamps}`,
  });
  const path = `${pathOf('holdfast.dev/v1alpha1', 'virtualmachines', machine)}/log?${query.toString()}`;
  await pipeline(readHub(chooseServer(flags), path), process.stdout).catch((error: unknown) => {
    // Whoever reads this has enough of it, such as `head`.
    if (codeOf(error) !== 'EPIPE') throw error;
  });
}

/** Joins the terminal to a machine's serial console. @throws as `printTimeline`, and where the console is lost */
export async function joinConsole(machine: string, flags: HubFlags): Promise<void> {
  const stream = await aim(machine, 'console', flags)();
  await attachConsole(machine, stream, process, 'the machine has stopped');
}

/**
 * Leads a port of this computer to one of a machine until Ctrl-C, or its own input and output, as ssh's ProxyCommand
 * has it. @throws as `printTimeline`
 */
export async function forwardToMachine(
  machine: string,
  ports: string,
  { stdio = false, ...flags }: PortForwardFlags,
): Promise<void> {
  const [, protocol = 'tcp', local, remote = ''] =
    /^(?:(tcp|udp)\/)?(?:(\d{1,5}):)?(\d{1,5})$/.exec(ports) ?? [];
  if (remote === '' || protocol !== 'tcp')
    throw new ConfigError(`PORTS must be [LOCAL:]REMOTE over TCP, such as 8080:80, not "${ports}"`);
  if (Number(remote) < 1 || [remote, local].some((port) => Number(port ?? 0) > MOST_PORT))
    throw new ConfigError(
      `PORTS must be from 1 to ${MOST_PORT}, or 0 for LOCAL to be picked, not "${ports}"`,
    );
  const open = aim(machine, `portforward/${remote}/tcp`, flags);
  if (stdio) return joinStdio(await open());
  await listenFor(open, { host: flags.address, port: Number(local ?? remote) }, `${machine}:${remote}`);
}

/** Makes a machine's display a VNC server here, for whichever viewer there is. @throws as `printTimeline` */
export async function serveDisplay(machine: string, flags: PortForwardFlags): Promise<void> {
  const open = aim(machine, 'vnc', flags);
  await listenFor(open, { host: flags.address, port: 0 }, `the display of ${machine}, for a VNC viewer`);
}

/** Runs ssh to a machine, through the hub. The exit code is that of ssh. */
export async function runSsh(
  target: string,
  words: readonly string[],
  { server, token, kubeconfig }: HubFlags,
): Promise<number> {
  const [, user, machine = ''] = /^(?:([^@]+)@)?(.+)$/.exec(target) ?? [];
  const { namespace, name } = parseName(machine);
  const self = [process.execPath, ...process.execArgv, process.argv[1] ?? ''];
  const flags = { server, token, kubeconfig };
  const hub = Object.entries(flags).flatMap(([flag, value]) =>
    value === undefined ? [] : [`--${flag}`, value],
  );
  const proxy = [...self, 'port-forward', '--stdio', ...hub, `${namespace}/${name}`];
  const options = [
    '-o',
    `ProxyCommand=${proxy.map(quote).join(' ')} %p`,
    '-o',
    `HostKeyAlias=${name}.${namespace}.holdfast`,
  ];
  const child = spawn('ssh', [...options, ...(user === undefined ? [] : ['-l', user]), name, ...words], {
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

async function listenFor(
  open: () => Promise<Duplex>,
  { host, port }: { readonly host: string; readonly port: number },
  what: string,
): Promise<void> {
  const failed = (sentence: string) => void process.stderr.write(`${sentence}\n`);
  const server = await forwardPort({ host, port, clock: createClock(), dial: open, failed });
  process.stdout.write(`Forwarding ${formatAddress(host, portOf(server))} to ${what}\n`);
  await once(process, 'SIGINT');
  server.close();
  process.exit(0);
}

async function joinStdio(stream: Duplex): Promise<void> {
  try {
    process.stdin.pipe(stream).pipe(process.stdout);
    await once(stream, 'end');
  } finally {
    process.stdin.destroy();
    stream.destroy();
  }
}

/** What opens a stream of a machine, each time. @throws ConfigError at once */
function aim(machine: string, subresource: string, flags: HubFlags): () => Promise<Duplex> {
  const path = pathOf('subresources.kubevirt.io/v1', 'virtualmachineinstances', machine);
  const [access, clock] = [chooseServer(flags), createClock()];
  return async () => dialHub(access, `${path}/${subresource}`, clock);
}

function pathOf(groupVersion: string, plural: string, machine: string): string {
  const { namespace, name } = parseName(machine);
  return `/apis/${groupVersion}/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}`;
}

/** `name` or `namespace/name` */
function parseName(machine: string): { readonly namespace: string; readonly name: string } {
  const [first = '', second, ...beyond] = machine.split('/');
  if (first === '' || second === '' || beyond.length > 0)
    throw new ConfigError(`a machine is named NAME or NAMESPACE/NAME, not "${machine}"`);
  return second === undefined ? { namespace: 'default', name: first } : { namespace: first, name: second };
}

/** For the shell that ssh runs its ProxyCommand by, and for ssh itself, which reads a % as its own. */
function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`).replaceAll('%', '%%')}'`;
}

function chooseServer({ server, token = '', kubeconfig = process.env['KUBECONFIG'] }: HubFlags): HubAccess {
  if (server !== undefined) return { server, token };
  if (kubeconfig === undefined || kubeconfig === '')
    throw new ConfigError('which hub? Give --server URL, --kubeconfig FILE or KUBECONFIG');
  try {
    return findServer(parseYaml(readFileSync(kubeconfig, 'utf8')));
  } catch (error) {
    throw new ConfigError(`kubeconfig ${kubeconfig}: ${messageOf(error)}`, { cause: error });
  }
}
