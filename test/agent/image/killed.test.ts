import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { makeContainerDisk } from '../../tools/container-image.ts';
import { sha256Of } from './image-server.ts';
import { serveImage } from './serve-image.ts';
import { fetched, setUp } from './setup.ts';

const PROCESS = fileURLToPath(new URL('fetch-process.ts', import.meta.url));

test.each(['a web server', 'a registry'])(
  'an agent killed again and again during a download from %s loses none of it',
  async (from) => {
    const content = randomBytes(4_000_000);
    const { server, dataDir, open } = await setUp();
    const how = { etag: '"1"', trickle: 40_000 };
    server.files.set('/a', { content, ...how });
    const image = makeContainerDisk(content, 'none');
    const url = from === 'a registry' ? serveImage(server, 'a', image, how).url : server.url('/a');
    // All but the registry's manifests.
    const requests = () => server.requests.filter(({ path }) => !path.includes('/manifests/'));
    for (let kills = 0; kills < 3; kills += 1) {
      const child = spawn(process.execPath, [PROCESS, dataDir, url], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      while (requests().length <= kills) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 250 + 100 * kills));
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const status = await fetched(open(), { url });
    expect(status).toMatchObject({ state: 'ready', sha256: sha256Of(content) });
    const starts = requests().map(({ range = 'bytes=0-' }) => Number(/\d+/.exec(range)?.[0]));
    expect(starts[0]).toBe(0);
    expect(starts).toHaveLength(4);
    // Each goes on behind where the one before it had begun.
    expect(starts).toEqual([...new Set(starts)].toSorted((a, b) => a - b));
    expect(
      requests()
        .slice(1)
        .every(({ status: code }) => code === 206),
    ).toBe(true);
  },
);
