import { execFileSync } from 'node:child_process';

/** What a TCP segment costs beside what it carries: IPv4 and TCP headers, with the timestamps that Linux sends. */
const HEADER_BYTES = 20 + 20 + 12;

/** What the kernel has counted of one connection, both ways. */
export interface SocketTraffic {
  readonly localAddress: string;
  /** What the sockets carried: TLS and MQTT. */
  readonly carriedBytes: number;
  readonly segments: number;
  /** As on a network: carried bytes and the headers of every segment, acknowledgements too. */
  readonly wireBytes: number;
}

/** The one connection to `remote` (`HOST:PORT`), by ss(8). */
export function readSocketTraffic(remote: string): SocketTraffic {
  const text = execFileSync('ss', ['-tinOH', 'state', 'established', 'dst', remote], { encoding: 'utf8' });
  const [line = '', ...more] = text.trim().split('\n');
  if (line === '' || more.length > 0) throw new Error(`there is not one connection to ${remote}: ${text}`);
  const field = (name: string) => Number(new RegExp(`\\b${name}:(\\d+)`).exec(line)?.[1] ?? 0);
  const carriedBytes = field('bytes_sent') + field('bytes_received');
  const segments = field('segs_out') + field('segs_in');
  return {
    localAddress: line.trim().split(/\s+/)[2] ?? '',
    carriedBytes,
    segments,
    wireBytes: carriedBytes + segments * HEADER_BYTES,
  };
}
