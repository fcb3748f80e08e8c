import type { Random } from '../../shared/ports.ts';

/** Chance that is the same each time it is drawn from the same seed. */
export interface SeededRandom extends Random {
  /** A whole number in [0, below). */
  below(below: number): number;
  /** A number in [low, high). */
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  /** @throws Error where the list is empty */
  pick<T>(list: readonly T[]): T;
  /** Chance of its own, so that what one part draws moves no other's: without that no fault could be left out. */
  fork(name: string): SeededRandom;
}

export function createSeededRandom(seed: string): SeededRandom {
  const next = createSfc32(seed);
  const fraction = () => next() / 2 ** 32;
  const random: SeededRandom = {
    fraction,
    below: (below) => Math.floor(fraction() * below),
    between: (low, high) => low + fraction() * (high - low),
    chance: (probability) => fraction() < probability,
    pick(list) {
      const [first] = list;
      if (first === undefined) throw new Error('bug: nothing to pick from');
      return list[Math.floor(fraction() * list.length)] ?? first;
    },
    uuid() {
      const digits = [next(), next(), next(), next()]
        .map((word) => word.toString(16).padStart(8, '0'))
        .join('');
      const variant = '89ab'.charAt(random.below(4));
      return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`;
    },
    fork: (name) => createSeededRandom(`${seed}/${name}`),
  };
  return random;
}

/** FNV-1a over a text, as a 32-bit number. */
export function hashWords(text: string, start = 0x811c9dc5): number {
  let hash = start;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** Chris Doty-Humphrey's sfc32, of PractRand. */
function createSfc32(seed: string): () => number {
  let a = hashWords(seed);
  let b = hashWords(seed, a);
  let c = hashWords(seed, b);
  let counter = 1;
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round += 1) next();
  return next;
}
