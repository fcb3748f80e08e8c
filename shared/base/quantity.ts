/** Kubernetes quantities, after apimachinery's `resource.Quantity`. */

const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

const FORM = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?))$/;

/** The number that a quantity such as `1.5Gi`, `500m` or `1e3` stands for, or undefined where it is none. */
export function parseQuantity(text: string): number | undefined {
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const factor = match[2] === undefined ? SUFFIXES[match[3] ?? ''] : Number(`1${match[2]}`);
  const number = Number(match[1]) * (factor ?? NaN);
  return Number.isFinite(number) ? number : undefined;
}

/** Bytes of a quantity that a schema has already checked. */
export function quantityBytes(quantity: string): number {
  const number = parseQuantity(quantity);
  if (number === undefined) throw new Error(`bug: unchecked quantity ${quantity}`);
  return Math.ceil(number);
}

/** Bytes in words for people, e.g. `512 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size >= 10 || Number.isInteger(size) ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}
