import { addressAt, parseCidr } from '../../shared/base/cidr.ts';
import type { DhcpOptions, NetworkInterface } from '../../shared/model/domain/interface.ts';
import type { DesiredMachine } from '../../shared/model/machine.ts';
import type { Network } from '../../shared/model/network.ts';
import { deriveMac } from './mac.ts';

/** A port of the guest that the box is to forward. */
export interface WantedPort {
  readonly name?: string | undefined;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
}

/** QEMU's user-mode network (masquerade): its addresses, and what it tells the guest. */
export interface UserNetwork {
  readonly kind: 'user';
  readonly network: string;
  readonly gateway: string;
  readonly address: string;
  readonly nameServer: string;
  readonly network6: string;
  readonly gateway6: string;
  readonly hostname: string;
  readonly bootFile?: string;
  readonly tftpServer?: string;
}

/** The bridge that the agent owns (bridge on the pod network). */
export interface PodNetwork {
  readonly kind: 'pod';
  readonly hostname: string;
  readonly dhcp: DhcpOptions;
}

/** A bridge of the box that is its operator's (multus). */
export interface BridgeNetwork {
  readonly kind: 'bridge';
  readonly bridge: string;
  readonly vlan?: number;
  readonly mtu?: number;
}

/** A network whose definition did not come with the machine. */
export interface MissingNetwork {
  readonly kind: 'missing';
  readonly networkName: string;
}

export interface CompiledInterface {
  readonly name: string;
  /** Lower case, with colons. */
  readonly mac: string;
  /** Whether the manifest gives it; one that it does not is kept from run to run (`keepMacs`). */
  readonly macGiven: boolean;
  readonly model: NonNullable<NetworkInterface['model']>;
  readonly network: UserNetwork | PodNetwork | BridgeNetwork | MissingNetwork;
  /** Whether its cable is in. */
  readonly up: boolean;
  /** What the box forwards to it, which only user-mode networks need. */
  readonly ports: readonly WantedPort[];
  /** Pairs of queues; 1 but for virtio on a bridge. */
  readonly queues: number;
  readonly acpiIndex?: number;
}

/** KubeVirt's, and so what guests' own configuration may count on. */
const DEFAULT_CIDR = '10.0.2.0/24';
/** KubeVirt's is the /120 at its start, which a guest can't make itself an address in. */
const DEFAULT_CIDR6 = 'fd10:0:2::/64';
const SLAAC_PREFIX = 64;
/** What QEMU takes. */
const MOST_QUEUES = 256;

/**
 * The cards of a machine; those that are to be absent are left out. Without interfaces a machine gets one on the pod
 * network, unless that is declined (as in KubeVirt).
 * @param cpus how many the machine has
 */
export function compileInterfaces(
  { uid, spec, references }: Pick<DesiredMachine, 'uid' | 'spec' | 'references'>,
  hostname: string,
  cpus: number,
): CompiledInterface[] {
  const { devices } = spec.domain;
  const { interfaces = [], autoattachPodInterface = true } = devices;
  const byDefault: NetworkInterface[] = autoattachPodInterface ? [{ name: 'default', masquerade: {} }] : [];
  const wanted = interfaces.length === 0 ? byDefault : interfaces;
  return wanted
    .filter(({ state }) => state !== 'absent')
    .map((card): CompiledInterface => {
      const { name, model = 'virtio', macAddress, acpiIndex, state } = card;
      const source = (spec.networks ?? []).find((one) => one.name === name);
      const network = compileNetwork(card, source, references?.networks, hostname);
      const isQueued = devices.networkInterfaceMultiqueue === true && model === 'virtio';
      return {
        name,
        mac: macAddress?.replaceAll('-', ':').toLowerCase() ?? deriveMac(uid, name),
        macGiven: macAddress !== undefined,
        model,
        network,
        up: state !== 'down',
        ports: network.kind === 'user' ? compilePorts(card) : [],
        queues: isQueued && network.kind !== 'user' ? Math.min(cpus, MOST_QUEUES) : 1,
        ...(acpiIndex === undefined ? {} : { acpiIndex }),
      };
    });
}

function compileNetwork(
  { masquerade, dhcpOptions = {} }: NetworkInterface,
  source: Network | undefined,
  known: NonNullable<DesiredMachine['references']>['networks'],
  hostname: string,
): CompiledInterface['network'] {
  if (source?.multus !== undefined) {
    const { networkName } = source.multus;
    const found = known?.[networkName];
    if (found === undefined) return { kind: 'missing', networkName };
    const { bridge, vlan, mtu } = found;
    return { kind: 'bridge', bridge, ...(vlan && { vlan }), ...(mtu && { mtu }) };
  }
  if (masquerade === undefined) return { kind: 'pod', hostname, dhcp: dhcpOptions };
  const cidr = parseNetwork(source?.pod?.vmNetworkCIDR ?? DEFAULT_CIDR);
  const cidr6 = parseNetwork(source?.pod?.vmIPv6NetworkCIDR ?? DEFAULT_CIDR6);
  const wide = parseNetwork(`${addressAt(cidr6, 0)}/${Math.min(cidr6.prefix, SLAAC_PREFIX)}`);
  const { bootFileName, tftpServerName } = dhcpOptions;
  return {
    kind: 'user',
    network: `${addressAt(cidr, 0)}/${cidr.prefix}`,
    gateway: addressAt(cidr, 1),
    address: addressAt(cidr, 2),
    nameServer: addressAt(cidr, 3),
    network6: `${addressAt(wide, 0)}/${wide.prefix}`,
    gateway6: addressAt(cidr6, 1),
    hostname,
    ...(bootFileName === undefined ? {} : { bootFile: bootFileName }),
    ...(tftpServerName === undefined ? {} : { tftpServer: tftpServerName }),
  };
}

function parseNetwork(text: string) {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`bug: the schema asks for a network, not ${text}`);
  return cidr;
}

function compilePorts({ ports = [], portRanges = [] }: NetworkInterface): WantedPort[] {
  const ranged = portRanges.flatMap(({ protocol, start, end }) =>
    Array.from({ length: end - start + 1 }, (_, index) => ({ port: start + index, protocol })),
  );
  return [...ports.map(({ protocol = 'TCP', ...port }) => ({ ...port, protocol })), ...ranged];
}
