import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { EffectError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/ports.ts';
import { CONSOLE_LOG, socketFiles } from '../machine/files.ts';
import { createConsoleStream } from './console-stream.ts';
import { readTail } from './log-file.ts';
import { connectSocket } from './socket.ts';

const REPLAYED_BYTES = 8 * 1024;
const DEADLINE_MS = 2_000;

/**
 * A machine's serial console. QEMU serves one client of it: a new one takes the place of the one before, whose
 * stream fails with ConsoleTaken (as `virtctl console` does it), so that a forgotten terminal locks nobody out.
 */
export function createConsole(folder: string, clock: Clock) {
  let current: Duplex | undefined;
  let lastTurn: Promise<unknown> = Promise.resolve();

  const connect = async (run: number): Promise<Duplex> => {
    const path = join(folder, socketFiles(run).serial);
    current?.destroy(new EffectError('ConsoleTaken', path, 'the console was opened elsewhere'));
    const socket = await connectSocket(
      path,
      clock,
      DEADLINE_MS,
      () => new EffectError('ConsoleUnreachable', path, "the machine's console does not answer"),
    );
    current = createConsoleStream(socket, readTail(join(folder, CONSOLE_LOG), REPLAYED_BYTES));
    return current;
  };

  return {
    /**
     * Begins with the end of what the guest wrote before; a few bytes may come twice. One after another: of two that
     * connect at once QEMU would let one wait for the other's end, and neither would know of the other.
     */
    async open(run: number): Promise<Duplex> {
      const opened = lastTurn.then(async () => connect(run));
      lastTurn = opened.catch(() => {});
      return opened;
    },
    close() {
      current?.destroy();
      // One that is being opened now.
      lastTurn.then(() => current?.destroy()).catch(() => {});
    },
  };
}
