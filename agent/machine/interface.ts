import type { Domain } from '../../shared/model/domain/domain.ts';
import type { NetworkInterface } from '../../shared/model/domain/interface.ts';
import type { HostPort } from '../ports.ts';
import { formatOptions } from './options.ts';
import type { PciLayout } from './pci.ts';

/** A port of the guest that the box is to forward. */
export interface WantedPort {
  readonly name?: string | undefined;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
}

export interface CompiledInterface {
  readonly name: string;
  /** Lower case, with colons. */
  readonly mac: string;
  readonly model: NonNullable<NetworkInterface['model']>;
  readonly ports: readonly WantedPort[];
}

/** Without interfaces a machine gets one on the pod network, unless that is declined (as in KubeVirt). */
export function compileInterfaces(uid: string, { devices }: Domain): CompiledInterface[] {
  const { interfaces = [], autoattachPodInterface = true } = devices;
  const wanted = interfaces.length === 0 && autoattachPodInterface ? [{ name: 'default' }] : interfaces;
  return wanted.map(({ name, model = 'virtio', macAddress, ports = [] }: NetworkInterface) => ({
    name,
    mac: macAddress?.replaceAll('-', ':').toLowerCase() ?? deriveMac(uid, name),
    model,
    ports: ports.map(({ protocol = 'TCP', ...port }) => ({ ...port, protocol })),
  }));
}

/** A locally administered address that is the same at each start: 52:54:00 and 24 bits of a hash (FNV-1a). */
function deriveMac(uid: string, name: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(`${uid}/${name}`)) hash = Math.imul(hash ^ byte, 0x01000193);
  const folded = (hash ^ (hash >>> 24)) & 0xffffff;
  const digits = folded.toString(16).padStart(6, '0');
  return `52:54:00:${digits.slice(0, 2)}:${digits.slice(2, 4)}:${digits.slice(4)}`;
}

const DEVICES: Readonly<Record<CompiledInterface['model'], string>> = {
  virtio: 'virtio-net-pci',
  e1000: 'e1000',
  e1000e: 'e1000e',
  rtl8139: 'rtl8139',
};

/** QEMU's name for the box's end of a card. */
export function netdevOf(name: string): string {
  return `net-${name}`;
}

/** The models that are PCI Express, and can sit on a root port. */
const EXPRESS: ReadonlySet<CompiledInterface['model']> = new Set(['virtio', 'e1000e']);

/** Whether it can sit on a root port, and so come and go while the guest runs. */
export function isExpress({ model }: CompiledInterface): boolean {
  return EXPRESS.has(model);
}

/** Masquerade is QEMU's user-mode network: the guest gets out through the box, and in by forwarded ports only. */
export function interfaceArguments(
  interfaces: readonly CompiledInterface[],
  hostPorts: readonly HostPort[],
  pci: PciLayout,
): string[] {
  return interfaces.flatMap((card) => {
    const { name, mac, model } = card;
    const forwards = hostPorts
      .filter((port) => port.interface === name)
      .map(
        (port) =>
          `,hostfwd=${port.protocol.toLowerCase()}:${port.hostAddress}:${port.hostPort}-:${port.port}`,
      );
    const [id, netdev] = [`interface-${name}`, netdevOf(name)];
    const device = formatOptions(DEVICES[model], {
      id,
      netdev,
      mac,
      ...(isExpress(card) ? pci.placeOnPort(id) : pci.placeOnRoot(id)),
      // Network boot is not offered, and the file of its ROM is in a package that a box may lack.
      romfile: '',
    });
    return ['-netdev', formatOptions('user', { id: netdev }) + forwards.join(''), '-device', device];
  });
}
