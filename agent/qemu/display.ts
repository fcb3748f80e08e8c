import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Readable } from 'node:stream';
import { EffectError, codeOf } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import { screenshotFile, socketFiles } from '../machine/files.ts';
import type { Monitor } from './monitor.ts';
import { oneWay } from './one-way.ts';
import { connectSocket } from './socket.ts';

const DEADLINE_MS = 2_000;
const CHUNK_BYTES = 64 * 1024;

/** A machine's display: one client has it, and a new one takes its place unless it is to be preserved, as in KubeVirt. */
export function createDisplay(folder: string, clock: Clock, monitor: Pick<Monitor, 'execute'>) {
  let current: Socket | undefined;

  return {
    /** QEMU's RFB server. */
    async open(run: number, preserveSession: boolean): Promise<Duplex> {
      const path = join(folder, socketFiles(run).vnc);
      if (preserveSession && current?.destroyed === false)
        throw new EffectError('DisplayTaken', path, 'Active VNC connection. Request denied.');
      const late = () => new EffectError('DisplayUnreachable', path, "the machine's display does not answer");
      const socket = await connectSocket(path, clock, DEADLINE_MS, late).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error;
        const why = 'the machine has no display, or was started before displays were served: restart it';
        throw new EffectError('DisplayUnreachable', path, why, error);
      });
      current?.destroy(new EffectError('DisplayTaken', path, 'the display was opened elsewhere'));
      current = socket;
      return socket;
    },
    /** What is shown now, as a PNG. */
    async picture(run: number): Promise<Duplex> {
      const filename = screenshotFile(run);
      try {
        await monitor.execute(run, 'screendump', { filename, format: 'png' });
        const png = await readFile(join(folder, filename));
        return oneWay(Readable.from(slice(png), { objectMode: false }));
      } finally {
        await rm(join(folder, filename), { force: true });
      }
    },
    close: () => current?.destroy(),
  };
}

function* slice(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}
