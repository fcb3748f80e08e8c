/**
 * Fixed slots on the root bus, so that a device that is added or left out moves no other: guests name their
 * network cards after slots, and Windows takes a moved card for a new one. Slot 0 is the host bridge, 31 the
 * chipset (with the SATA controller).
 */
const FIRST_SLOT = {
  graphics: 0x1,
  channel: 0x2,
  rng: 0x3,
  interface: 0x4,
  disk: 0xc,
  scsi: 0x1d,
  usb: 0x1e,
} as const;
const SLOTS = { graphics: 1, channel: 1, rng: 1, interface: 8, disk: 17, scsi: 1, usb: 1 } as const;

/** The `addr` of the `index`-th device of its sort; undefined, for QEMU to choose, where its slots are used up. */
export function pciSlot(sort: keyof typeof FIRST_SLOT, index = 0): string | undefined {
  return index < SLOTS[sort] ? `0x${(FIRST_SLOT[sort] + index).toString(16)}` : undefined;
}
