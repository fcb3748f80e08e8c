import { join } from 'node:path';
import type { ConfigOf } from '../shared/config/settings.ts';
import { choice, folder, loopbackAddress } from '../shared/config/settings.ts';

const ROOT = join(import.meta.dirname, '..');

export const DEMO_SETTINGS = {
  dataDir: folder({ prose: 'where hub and agent keep their state', fallback: join(ROOT, '.holdfast/demo') }),
  apiListen: loopbackAddress({
    prose: 'where the API listens; port 0 picks a free one',
    fallback: '127.0.0.1:0',
  }),
  mqttListen: loopbackAddress({
    prose: 'where the agent connects; port 0 picks a free one',
    fallback: '127.0.0.1:0',
  }),
  accel: choice(['auto', 'kvm', 'tcg'], { prose: 'what runs the guest', fallback: 'auto' }),
};
export type DemoConfig = ConfigOf<typeof DEMO_SETTINGS>;

/** Parts of the checkout that the demo uses; `bin/setup` makes them. */
export const CHECKOUT = {
  holdfast: join(ROOT, 'bin/holdfast'),
  image: join(ROOT, '.holdfast/guest/disk.qcow2'),
  kubectl: join(ROOT, '.holdfast/tools/kubectl'),
};
