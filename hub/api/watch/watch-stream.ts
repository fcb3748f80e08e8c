import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../../shared/ports.ts';
import type { ApiContext } from '../context.ts';
import { statusOf } from '../errors.ts';
import type { WatchEvent, WatchFeed } from './watch-feed.ts';

/** A client that takes nothing for this long is gone, whatever its connection says. */
const DRAIN_TIMEOUT_MS = 60_000;

interface StreamOptions {
  /** An event as it goes out. */
  readonly encode: (event: WatchEvent) => Uint8Array;
  /** Called with the size of each event that went out. */
  readonly told: (bytes: number) => void;
}

/** Writes a feed to a client, an event a line, no faster than it reads; resolves when the watch is over, however it ends. */
export async function streamWatch(
  response: ServerResponse,
  feed: WatchFeed,
  { encode, told }: StreamOptions,
  { clock, log }: Pick<ApiContext, 'clock' | 'log'>,
): Promise<void> {
  if (response.destroyed) return feed.close();
  response.on('close', () => feed.close());
  response.on('error', () => feed.close());
  response.writeHead(200, {
    'content-type': 'application/json',
    'cache-control': 'no-cache, private',
    // A watch has its connection to itself: one that was kept open after it would keep a hub from stopping.
    connection: 'close',
  });
  // Clients wait for the answer's head before they take the watch to be under way.
  response.flushHeaders();
  try {
    for await (const event of feed.events()) {
      const line = encode(event);
      told(line.byteLength);
      if (!response.write(line)) await waitForDrain(response, feed, clock);
    }
    response.end();
  } catch (error) {
    if (feed.closed.aborted) response.destroy();
    else response.end(encode({ type: 'ERROR', status: statusOf(error, log) }));
  } finally {
    feed.close();
  }
}

async function waitForDrain(response: ServerResponse, feed: WatchFeed, clock: Clock): Promise<void> {
  const cancel = clock.after(DRAIN_TIMEOUT_MS, () => feed.close());
  try {
    await once(response, 'drain', { signal: feed.closed });
  } finally {
    cancel();
  }
}
