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
  balloon: 0x18,
  usb: 0x19,
  watchdog: 0x1a,
  sound: 0x1b,
  panic: 0x1c,
  input: 0x1d,
} as const;
const SLOTS = { interface: 8, disk: 12, input: 2 } as const;

export type PciSort = keyof typeof FIRST_SLOT;

/** The `addr` of the `index`-th device of its sort; undefined, for QEMU to choose, where its slots are used up. */
export function pciSlot(sort: PciSort, index = 0): string | undefined {
  const slots = sort in SLOTS ? SLOTS[sort as keyof typeof SLOTS] : 1;
  return index < slots ? `0x${(FIRST_SLOT[sort] + index).toString(16)}` : undefined;
}
