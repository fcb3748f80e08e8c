import type { Architecture } from '../../shared/model/domain/architecture.ts';
import type { CompiledMachine } from './compile.ts';

/** How a device of the box is told: on PCI by its address or its kind, on USB by its kind. */
export type DeviceSelector =
  | { readonly bus: 'pci'; readonly address: string }
  /** Vendor and product as four lower-case hexadecimal digits each. */
  | { readonly bus: 'pci' | 'usb'; readonly vendor: string; readonly product: string };

/** What a box offers of its own to single machines. */
export interface Equipment {
  readonly architecture: Architecture;
  /** By what machines ask for them. */
  readonly hostDevices: readonly { readonly resource: string; readonly selector: DeviceSelector }[];
  /** CPUs that are set aside, by their numbers. */
  readonly dedicatedCpus: readonly number[];
}

const NOTHING = 'none';

/**
 * `RESOURCE=pci:VENDOR:PRODUCT,RESOURCE=pci:DOMAIN:BUS:SLOT.FUNCTION,RESOURCE=usb:VENDOR:PRODUCT`, all in
 * hexadecimal digits; a resource may be named several times.
 * @throws Error whose message completes "hostDevices …"
 */
export function parseHostDevices(text: string): Equipment['hostDevices'] {
  const entries = text === '' ? [] : text.split(',').map((entry) => entry.trim());
  return entries.map((entry) => {
    const [, resource = '', selector = ''] = /^([^=]+)=(.+)$/.exec(entry) ?? [];
    const parsed = parseSelector(selector.toLowerCase());
    if (parsed !== undefined && /^[A-Za-z0-9._/-]+$/.test(resource)) return { resource, selector: parsed };
    throw new Error(
      `must be RESOURCE=pci:VENDOR:PRODUCT, RESOURCE=pci:0000:01:00.0 or RESOURCE=usb:VENDOR:PRODUCT, separated by commas; "${entry}" is none of them`,
    );
  });
}

function parseSelector(text: string): DeviceSelector | undefined {
  const kind = /^(pci|usb):([0-9a-f]{4}):([0-9a-f]{4})$/.exec(text);
  if (kind !== null) {
    const [, bus, vendor = '', product = ''] = kind;
    return { bus: bus === 'pci' ? 'pci' : 'usb', vendor, product };
  }
  const address = /^pci:([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/.exec(text)?.[1];
  return address === undefined ? undefined : { bus: 'pci', address };
}

/**
 * A list of CPUs as Linux writes it, e.g. `2-5,8`.
 * @throws Error whose message completes "dedicatedCpus …"
 */
export function parseCpuList(text: string): number[] {
  if (text === '') return [];
  return text.split(',').flatMap((part) => {
    const [, first, last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part.trim()) ?? [];
    const count = Number(last) - Number(first) + 1;
    if (!(count >= 1)) throw new Error('must be a list of CPUs such as 2-5,8');
    return Array.from({ length: count }, (_, index) => Number(first) + index);
  });
}

/** Why a machine can't run on a box that is equipped so; undefined where it can. */
export function findLack(
  { architecture, cpu, devices }: CompiledMachine,
  equipment: Equipment,
): { readonly reason: string; readonly message: string } | undefined {
  if (architecture !== equipment.architecture) {
    const message = `the machine's architecture is ${architecture}, and the box's is ${equipment.architecture}: give it spec.architecture: ${equipment.architecture} and disks made for that, or another box`;
    return { reason: 'WrongArchitecture', message };
  }
  const offered = [...new Set(equipment.hostDevices.map(({ resource }) => resource))];
  const missing = devices.hostDevices.find(({ resource }) => !offered.includes(resource));
  if (missing !== undefined) {
    const has = offered.length === 0 ? NOTHING : offered.join(', ');
    const message = `the machine asks for a ${missing.resource} (device ${missing.name}), and this box offers none: it offers ${has}, by the agent's setting hostDevices`;
    return { reason: 'NoSuchDevice', message };
  }
  const { dedicated } = cpu;
  const cpus = equipment.dedicatedCpus.length;
  if (dedicated !== undefined && dedicated.count > cpus) {
    const message = `the machine asks for ${dedicated.count} CPUs of its own (dedicatedCpuPlacement), and this box has set aside ${cpus === 0 ? NOTHING : cpus}: the agent's setting dedicatedCpus says which`;
    return { reason: 'NoDedicatedCpus', message };
  }
  return undefined;
}
