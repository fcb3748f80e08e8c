import { assert } from '../../shared/base/assert.ts';
import type { Accelerator, HostPort } from '../ports.ts';
import type { Tap } from '../networks-port.ts';
import type { CompiledInterface, UserNetwork } from './interface.ts';
import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';

/** What only the box knows of a machine's cards. */
export interface InterfaceEnvironment {
  readonly accelerator: Accelerator;
  readonly ports: readonly HostPort[];
  /** By interface, of those on a bridge. */
  readonly taps: ReadonlyMap<string, Tap>;
  /** When the machine boots from a card, by interface, of those that it may boot from. */
  readonly bootIndexes: ReadonlyMap<string, number>;
}

const DEVICES: Readonly<Record<CompiledInterface['model'], string>> = {
  virtio: 'virtio-net-pci',
  e1000: 'e1000',
  e1000e: 'e1000e',
  igb: 'igb',
  ne2k_pci: 'ne2k_pci',
  pcnet: 'pcnet',
  rtl8139: 'rtl8139',
};

/** The models that are PCI Express, and can sit on a root port. */
const EXPRESS: ReadonlySet<CompiledInterface['model']> = new Set(['virtio', 'e1000e', 'igb']);

/** Whether it can sit on a root port, and so come and go while the guest runs. */
export function isExpress({ model }: CompiledInterface): boolean {
  return EXPRESS.has(model);
}

/** The box's end of a card in QEMU. */
export function netdevId(name: string): string {
  return `net-${name}`;
}

/** The id of a card in QEMU: what `set_link` and `device_del` name. */
export function interfaceId(name: string): string {
  return `interface-${name}`;
}

export function interfaceArguments(
  interfaces: readonly CompiledInterface[],
  environment: InterfaceEnvironment,
  pci: PciLayout,
): string[] {
  return interfaces.flatMap((card) => [
    '-netdev',
    formatBackend(card, environment),
    '-device',
    formatCard(card, environment, pci),
  ]);
}

function formatBackend(
  { name, network, model, queues }: CompiledInterface,
  environment: InterfaceEnvironment,
) {
  const { accelerator, ports, taps } = environment;
  const id = netdevId(name);
  if (network.kind === 'user') {
    const forwarded = ports.filter((port) => port.interface === name);
    return `user,${formatUser(id, network)}${forwarded.map(formatForward).join('')}`;
  }
  const tap = taps.get(name);
  assert(tap !== undefined, `a tap was made for the interface ${name}`);
  return formatOptions('tap', {
    id,
    ifname: tap.device,
    script: 'no',
    downscript: 'no',
    queues: queues > 1 ? queues : undefined,
    // Packets then go past QEMU, where the box has that and QEMU's user may; QEMU does without where not.
    vhost: model === 'virtio' && accelerator === 'kvm' ? true : undefined,
  });
}

function formatUser(id: string, network: UserNetwork): string {
  return formatOptions(undefined, {
    id,
    net: network.network,
    host: network.gateway,
    dhcpstart: network.address,
    dns: network.nameServer,
    'ipv6-net': network.network6,
    'ipv6-host': network.gateway6,
    hostname: network.hostname,
    bootfile: network.bootFile,
    'tftp-server-name': network.tftpServer,
  });
}

function formatForward({ protocol, hostAddress, hostPort, port }: HostPort): string {
  return `,hostfwd=${protocol.toLowerCase()}:${hostAddress}:${hostPort}-:${port}`;
}

function formatCard(card: CompiledInterface, environment: InterfaceEnvironment, pci: PciLayout): string {
  const { name, mac, model, queues, acpiIndex } = card;
  const id = interfaceId(name);
  const bootIndex = environment.bootIndexes.get(name);
  return formatOptions(DEVICES[model], {
    id,
    netdev: netdevId(name),
    mac,
    ...(isExpress(card) ? pci.placeOnPort(id) : pci.placeOnRoot(id)),
    mq: queues > 1 ? true : undefined,
    // One for each queue's way in and out, one for changes, one for control.
    vectors: queues > 1 ? 2 * queues + 2 : undefined,
    host_mtu: model === 'virtio' ? environment.taps.get(name)?.mtu : undefined,
    'acpi-index': acpiIndex,
    bootindex: bootIndex,
    // The file of its ROM is in a package that a box may lack, and only a boot from the network needs it.
    romfile: bootIndex === undefined ? '' : undefined,
  });
}
