import type { CompiledInterface } from '../machine/interface.ts';
import { netdevId } from '../machine/interface-arguments.ts';
import type { HostPort } from '../ports.ts';
import type { PlugContext } from './hotplug.ts';
import { askHuman, runHuman } from './human.ts';

/** A port of the box that QEMU forwards to one of the guest's. */
export type Forward = Pick<HostPort, 'protocol' | 'hostAddress' | 'hostPort' | 'port'>;

/** Calls `work` with which forwards streams use now; none comes or goes meanwhile. */
export type HoldLent = <T>(work: (isLent: (forward: Forward) => boolean) => Promise<T>) => Promise<T>;

/**
 * Has QEMU forward the ports of a card and no others but those that streams use; the result is all that the machine has
 * then. What it forwards already keeps its port of the box: QEMU itself is asked, so that a change that was cut off is
 * completed.
 */
export async function setForwards(context: PlugContext, card: CompiledInterface): Promise<HostPort[]> {
  return context.holdLent(async (isLent) => setDeclared(context, card, isLent));
}

async function setDeclared(
  { qmp, record, note, choosePorts }: PlugContext,
  { name, ports: wanted }: CompiledInterface,
  isLent: (forward: Forward) => boolean,
): Promise<HostPort[]> {
  const netdev = netdevId(name);
  const isDeclared = ({ protocol, hostPort }: Forward) =>
    record.ports.some((port) => port.protocol === protocol && port.hostPort === hostPort);
  const all = readForwards(await askHuman(qmp, 'info usernet'), netdev);
  // What a stream had made only the box gets to: it does not do for a port that is declared.
  const there = all.filter(isDeclared);
  const missing = wanted.filter((port) => findForward(there, port) === undefined);
  const added = await choosePorts(name, missing);
  const own = wanted.flatMap((port): HostPort[] => {
    const forward = findForward([...there, ...added], port);
    return forward === undefined ? [] : [{ ...forward, ...port, interface: name }];
  });
  const ports = [...record.ports.filter((port) => port.interface !== name), ...own];
  note({ ports });
  // It says what it did, and that a rule is not there is as well.
  const isOver = (one: Forward) => (isDeclared(one) ? findForward(wanted, one) === undefined : !isLent(one));
  for (const forward of all.filter(isOver))
    await askHuman(qmp, `hostfwd_remove ${netdev} ${formatHostEnd(forward)}`);
  for (const forward of added)
    await runHuman(qmp, `hostfwd_add ${netdev} ${formatHostEnd(forward)}-:${forward.port}`);
  return ports;
}

function findForward<Port extends Pick<Forward, 'port' | 'protocol'>>(
  ports: readonly Port[],
  { port, protocol }: Pick<Forward, 'port' | 'protocol'>,
): Port | undefined {
  return ports.find((one) => one.port === port && one.protocol === protocol);
}

function formatHostEnd({ protocol, hostAddress, hostPort }: Forward): string {
  return `${protocol.toLowerCase()}:${hostAddress}:${hostPort}`;
}

const STACK = /^Hub -?\d+ \((.*)\):$/;
const FORWARD = /^\s*(TCP|UDP)\[HOST_FORWARD\]\s+-?\d+\s+(\S+)\s+(\d+)\s+\S+\s+(\d+)\s/;

/** What QEMU forwards for a user-mode network, from what it answers to `info usernet`. */
export function readForwards(said: string, netdev: string): Forward[] {
  const forwards: Forward[] = [];
  let stack: string | undefined;
  for (const line of said.split(/\r?\n/)) {
    stack = STACK.exec(line)?.[1] ?? stack;
    const [, protocol, address = '', hostPort, port] = FORWARD.exec(line) ?? [];
    if (stack !== netdev || (protocol !== 'TCP' && protocol !== 'UDP')) continue;
    const hostAddress = address === '*' ? '0.0.0.0' : address;
    forwards.push({ protocol, hostAddress, hostPort: Number(hostPort), port: Number(port) });
  }
  return forwards;
}
