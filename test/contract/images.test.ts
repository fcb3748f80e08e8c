import { randomBytes } from 'node:crypto';
import { describe } from 'vitest';
import { sha256Of } from '../agent/image/image-server.ts';
import { setUp } from '../agent/image/setup.ts';
import { testImages } from './images.ts';

describe('images over HTTP', () => {
  testImages(async () => {
    const { server, images, open } = await setUp();
    const content = randomBytes(10_000);
    return {
      images,
      async offer() {
        server.files.set('/offered', { content });
        return { url: server.url('/offered'), sha256: sha256Of(content) };
      },
      missing: () => server.url('/missing'),
      async offerAt(url) {
        server.files.set(new URL(url).pathname, { content });
      },
      async reopen() {
        await images.close();
        return open();
      },
    };
  });
});
