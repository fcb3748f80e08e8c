const PRIME = 0x100000001b3n;
const MASK = (1n << 64n) - 1n;

/**
 * A locally administered address that is the same at each start, from 46 bits of a hash (FNV-1a of 64 bits, folded):
 * among a million cards of a fleet the chance of any two alike is below one in a hundred. Two that share a bridge are
 * found out when the second is connected.
 */
export function deriveMac(uid: string, name: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(`${uid}/${name}`))
    hash = ((hash ^ BigInt(byte)) * PRIME) & MASK;
  const folded = (hash ^ (hash >> 46n)) & ((1n << 46n) - 1n);
  // Of the first byte's lowest bits one says "local", the other "not a group".
  const first = ((folded >> 40n) << 2n) | 2n;
  const number = (first << 40n) | (folded & ((1n << 40n) - 1n));
  const digits = number.toString(16).padStart(12, '0');
  return digits.match(/../g)?.join(':') ?? digits;
}

/**
 * The cards of the next run, or of the one that runs: an address that was derived stays what it was in `command`, also
 * where the agent that started it derived it in another way. A guest takes another address for another card.
 */
export function keepMacs<
  Card extends { readonly name: string; readonly mac: string; readonly macGiven: boolean },
>(cards: readonly Card[], command: readonly string[]): Card[] {
  const before = readMacs(command);
  return cards.map((card) => (card.macGiven ? card : { ...card, mac: before.get(card.name) ?? card.mac }));
}

/** The addresses in QEMU's arguments, by interface. */
export function readMacs(command: readonly string[]): ReadonlyMap<string, string> {
  const devices = command.filter((_, index) => command[index - 1] === '-device');
  return new Map(
    devices.flatMap((device) => {
      const name = /,id=interface-([^,]+)/.exec(device)?.[1];
      const mac = /,mac=([0-9a-f:]{17})(?:,|$)/.exec(device)?.[1];
      return name === undefined || mac === undefined ? [] : [[name, mac] as const];
    }),
  );
}
