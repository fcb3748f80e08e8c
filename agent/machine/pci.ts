import { EffectError } from '../../shared/base/errors.ts';
import { formatOptions } from './options.ts';

/**
 * Where each PCI device sits, by its id in QEMU: a slot of the root bus (`0x4`) or a root port (`port3`). Guests name
 * network cards after it, and Windows takes a moved one for a new one: a device that has a place keeps it from run to
 * run, whatever comes and goes beside it.
 */
export type PciPlaces = Readonly<Record<string, string>>;

/** A device's properties that say where it sits. */
export interface PciAddress {
  readonly bus?: string;
  readonly addr: string;
}

export interface PciLayout {
  /** For PCI Express devices that come and go while the guest runs: disks, network cards, passed-through devices. */
  placeOnPort(id: string): PciAddress;
  /** For what stays as long as the guest runs, and for all that is not PCI Express, which takes no root port. */
  placeOnRoot(id: string): PciAddress;
  /** The unit number of a disk on the SCSI controller, which is kept the same way. */
  placeOnScsi(id: string): number;
  /** All that has been placed. */
  places(): PciPlaces;
  /** The root ports: those in use and spare ones. To come before the devices on them. */
  portArguments(memoryBytes: number): string[];
}

/** Slot 0 is the host bridge, 31 the chipset (with the SATA controller). */
const FIXED_SLOTS: Readonly<Record<string, string>> = { graphics: '0x1', channel: '0x2', rng: '0x3' };
const FIRST_ROOT_SLOT = 0x4;
/** Root ports are functions, eight to a slot, in the slots from here to 30. */
const FIRST_PORT_SLOT = 0x1b;
const FUNCTIONS = 8;
const PORT = 'port';
/** Units of the SCSI controller: virtio's bound of those that are addressed in one byte. */
const UNIT = 'unit';

const formatSlot = (slot: number) => `0x${slot.toString(16)}`;
const ROOT_SLOTS: readonly string[] = Array.from({ length: FIRST_PORT_SLOT - FIRST_ROOT_SLOT }, (_, index) =>
  formatSlot(FIRST_ROOT_SLOT + index),
);
const PORTS: readonly string[] = Array.from({ length: 4 * FUNCTIONS }, (_, index) => `${PORT}${index}`);

const UNITS: readonly string[] = Array.from({ length: 256 }, (_, index) => `${UNIT}${index}`);

/**
 * As many as KubeVirt makes: a large machine gets more. An empty port costs a guest some milliseconds of its boot
 * under TCG (8 of them 30 ms, 16 100 ms, 32 600 ms) and QEMU some 300 KiB.
 */
const LARGE_BYTES = 2 * 2 ** 30;
const SMALL = { ports: 8, spare: 3 };
const LARGE = { ports: 16, spare: 6 };

/** Finds each device its place: the one that it had before, or else the first that nothing had. */
export function createPciLayout(before: PciPlaces): PciLayout {
  const places = new Map<string, string>();
  const kept = new Set(Object.values(before));
  const isFree = (place: string) => !new Set(places.values()).has(place);

  const take = (id: string, wanted: readonly string[], had: string | undefined): PciAddress | undefined => {
    const isNew = (place: string) => isFree(place) && !kept.has(place);
    const place = places.get(id) ?? (had !== undefined && isFree(had) ? had : wanted.find(isNew));
    if (place === undefined) return undefined;
    places.set(id, place);
    return place.startsWith(PORT) ? { bus: place, addr: '0x0' } : { addr: place };
  };

  const placeOnRoot = (id: string): PciAddress => {
    const fixed = FIXED_SLOTS[id];
    const had = before[id]?.startsWith('0x') === true ? before[id] : undefined;
    const address = take(id, ROOT_SLOTS, fixed ?? had);
    if (address !== undefined) return address;
    throw new EffectError(
      'TooManyDevices',
      id,
      `the machine has more devices than PCI slots: ${id} gets none`,
    );
  };

  return {
    placeOnRoot,
    placeOnPort: (id) =>
      take(id, PORTS, before[id]?.startsWith(UNIT) === true ? undefined : before[id]) ?? placeOnRoot(id),
    placeOnScsi(id) {
      const place =
        places.get(id) ??
        take(id, UNITS, before[id]?.startsWith(UNIT) === true ? before[id] : undefined)?.addr;
      if (place !== undefined) return Number(place.slice(UNIT.length));
      throw new EffectError('TooManyDevices', id, `there is no SCSI unit left for ${id}`);
    },
    places: () => Object.fromEntries(places),
    portArguments(memoryBytes) {
      const { ports, spare } = memoryBytes > LARGE_BYTES ? LARGE : SMALL;
      const used = PORTS.filter((port) => !isFree(port));
      const last = PORTS.findLastIndex((port) => used.includes(port)) + 1;
      const count = Math.min(PORTS.length, Math.max(last, ports, used.length + spare));
      return PORTS.slice(0, count).flatMap((id, index) => ['-device', formatPort(id, index)]);
    },
  };
}

/**
 * The places of a machine that was started before they were written down: all on the root bus, in its command line.
 * Those that are root ports now are not kept.
 */
export function readPciPlaces(command: readonly string[]): PciPlaces {
  const devices = command.filter((_, index) => command[index - 1] === '-device');
  const found = devices.flatMap((device) => {
    const id = /,id=([^,]+)/.exec(device)?.[1];
    const addr = /,addr=(0x[0-9a-f]+)(?:,|$)/.exec(device)?.[1];
    return id !== undefined && addr !== undefined && ROOT_SLOTS.includes(addr) ? [[id, addr] as const] : [];
  });
  return Object.fromEntries(found);
}

function formatPort(id: string, index: number): string {
  const [slot, number] = [FIRST_PORT_SLOT + Math.floor(index / FUNCTIONS), index % FUNCTIONS];
  return formatOptions('pcie-root-port', {
    id,
    chassis: index + 1,
    addr: `${formatSlot(slot)}.${number}`,
    multifunction: number === 0 ? true : undefined,
    // Nothing that sits on a port needs I/O space, of which there is enough for some ten ports only.
    'io-reserve': 0,
  });
}
