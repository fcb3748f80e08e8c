/** Networks written as `ADDRESS/PREFIX` (RFC 4632, RFC 4291), as numbers. */
export interface Cidr {
  readonly version: 4 | 6;
  /** The network's own address: bits after the prefix are zero. */
  readonly base: bigint;
  readonly prefix: number;
}

/** Undefined where it is no network. An address in it will do: what comes after the prefix is left out. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', digits = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(digits)) return undefined;
  const prefix = Number(digits);
  const version = address.includes(':') ? 6 : 4;
  const number = version === 4 ? parseIpv4(address) : parseIpv6(address);
  const bits = version === 4 ? 32 : 128;
  if (number === undefined || prefix > bits) return undefined;
  const host = BigInt(bits - prefix);
  return { version, base: (number >> host) << host, prefix };
}

/** How many addresses it has, with the first and the last. */
export function sizeOf({ version, prefix }: Cidr): bigint {
  return 1n << BigInt((version === 4 ? 32 : 128) - prefix);
}

/** The address `offset` after the network's own. */
export function addressAt({ version, base }: Cidr, offset: number | bigint): string {
  return version === 4 ? formatIpv4(base + BigInt(offset)) : formatIpv6(base + BigInt(offset));
}

/** How far an address is after the network's own; undefined where it is not in it. */
export function offsetOf(cidr: Cidr, address: string): bigint | undefined {
  const number = cidr.version === 4 ? parseIpv4(address) : parseIpv6(address);
  if (number === undefined) return undefined;
  const offset = number - cidr.base;
  return offset >= 0n && offset < sizeOf(cidr) ? offset : undefined;
}

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((number, part) => (number << 8n) | BigInt(part), 0n);
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [before = [], after = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - before.length - after.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...before, ...Array.from({ length: missing }, () => '0'), ...after];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.reduce((number, group) => (number << 16n) | BigInt(`0x${group}`), 0n);
}

function formatIpv4(number: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (number >> shift) & 255n).join('.');
}

/** The short form of RFC 5952: the longest run of zeroes, of two groups or more, is `::`. */
function formatIpv6(number: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((number >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  const text = groups.join(':');
  const [longest = ''] = (text.match(/\b0(:0)+\b/g) ?? []).toSorted((a, b) => b.length - a.length);
  if (longest === '') return text;
  const start = text.search(new RegExp(`(?<![0-9a-f])${longest}(?![0-9a-f])`));
  const [before, after] = [text.slice(0, start), text.slice(start + longest.length)];
  return `${before.replace(/:$/, '')}::${after.replace(/^:/, '')}`;
}
