import { z } from 'zod';
import type { Cidr } from '../../shared/base/cidr.ts';
import { addressAt, offsetOf, sizeOf } from '../../shared/base/cidr.ts';
import { messageOf } from '../../shared/base/errors.ts';
import type { DhcpOptions } from '../../shared/model/domain/interface.ts';
import { refuse } from './explain.ts';

/** The address that a card has on the pod network for as long as its machine exists, and what it is told with it. */
const reservation = z.object({
  address: z.string(),
  uid: z.string(),
  hostname: z.string(),
  bootFileName: z.string().optional(),
  tftpServerName: z.string().optional(),
  ntpServers: z.array(z.string()).optional(),
  privateOptions: z.array(z.object({ option: z.number(), value: z.string() })).optional(),
});
type Reservation = z.infer<typeof reservation>;

const table = z.record(z.string(), reservation);
/** By MAC. */
export type Reservations = Readonly<Record<string, Reservation>>;

/** @throws EffectError where the text makes no sense: addresses that machines have must not be given to others */
export function parseReservations(text: string | undefined, path: string): Reservations {
  try {
    return text === undefined ? {} : table.parse(JSON.parse(text));
  } catch (error) {
    throw refuse(path, `${path} holds no addresses (${messageOf(error)}): put it back, or delete it`, error);
  }
}

/** Adds a card: with the address that it had, or else the first free one from where its MAC points. */
export function reserve(
  held: Reservations,
  subnet: Cidr,
  mac: string,
  wanted: { readonly uid: string; readonly hostname: string; readonly dhcp: DhcpOptions },
): Reservations {
  const { uid, hostname, dhcp } = wanted;
  const had = held[mac]?.address;
  const address = had !== undefined && isHost(subnet, had) ? had : findFree(held, subnet, mac);
  return { ...held, [mac]: { address, uid, hostname, ...dhcp } };
}

/** Without the addresses of a machine that is gone. */
export function forgetMachine(held: Reservations, uid: string): Reservations {
  return Object.fromEntries(Object.entries(held).filter(([, one]) => one.uid !== uid));
}

/** The lines of dnsmasq's `dhcp-hostsfile`. */
export function formatHosts(held: Reservations, subnet: Cidr): string {
  return formatLines(
    Object.entries(held).flatMap(([mac, { address, hostname }]) =>
      isHost(subnet, address) ? [[mac, `set:${tagOf(mac)}`, address, hostname].join(',')] : [],
    ),
  );
}

/** The lines of dnsmasq's `dhcp-optsfile`, by the numbers of RFC 2132. */
export function formatOptions(held: Reservations): string {
  return formatLines(
    Object.entries(held).flatMap(([mac, one]) => {
      const { bootFileName, tftpServerName, ntpServers = [], privateOptions = [] } = one;
      const options = [
        ...(tftpServerName === undefined ? [] : [`66,"${tftpServerName}"`]),
        ...(bootFileName === undefined ? [] : [`67,"${bootFileName}"`]),
        ...(ntpServers.length === 0 ? [] : [`42,${ntpServers.join(',')}`]),
        ...privateOptions.map(({ option, value }) => `${option},"${value}"`),
      ];
      return options.map((option) => `tag:${tagOf(mac)},${option}`);
    }),
  );
}

/** Of the leases that dnsmasq wrote, the addresses by MAC. */
export function parseLeases(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const [, mac, address] = line.split(' ');
      return mac === undefined || address === undefined || !mac.includes(':')
        ? []
        : [[mac, address] as const];
    }),
  );
}

const tagOf = (mac: string) => `c${mac.replaceAll(':', '')}`;
const formatLines = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');

/** The first address is the network's, the second the bridge's, the last for all. */
function isHost(subnet: Cidr, address: string): boolean {
  const offset = offsetOf(subnet, address);
  return offset !== undefined && offset > 1n && offset < sizeOf(subnet) - 1n;
}

function findFree(held: Reservations, subnet: Cidr, mac: string): string {
  const taken = new Set(Object.values(held).map(({ address }) => address));
  const count = sizeOf(subnet) - 3n;
  const start = BigInt(`0x${mac.replaceAll(':', '')}`) % count;
  for (let step = 0n; step <= BigInt(taken.size) && step < count; step += 1n) {
    const address = addressAt(subnet, 2n + ((start + step) % count));
    if (!taken.has(address)) return address;
  }
  throw refuse(mac, `the pod network has no address left: widen the agent's setting podSubnet`);
}
