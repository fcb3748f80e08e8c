import { readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import type { BoxIdentity } from '../../shared/protocol/messages.ts';

/** Enough to find a box by; a box full of bridges has many more. */
const MOST_ADDRESSES = 4;

/** What tells this box from another, as the kernel and the firmware say it. */
export function readIdentity(): BoxIdentity {
  const serial = readSerial();
  const addresses = Object.values(networkInterfaces())
    .flatMap((interfaces) => interfaces ?? [])
    .filter(({ internal, family }) => !internal && family === 'IPv4')
    .map(({ address }) => address);
  return {
    hostname: hostname(),
    ...(serial === undefined ? {} : { serial }),
    addresses: addresses.slice(0, MOST_ADDRESSES),
  };
}

/** Only root may read it, and not every board has one. */
function readSerial(): string | undefined {
  try {
    const serial = readFileSync('/sys/class/dmi/id/product_serial', 'utf8').trim();
    return serial === '' ? undefined : serial;
  } catch {
    return undefined;
  }
}
