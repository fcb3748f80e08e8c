import { rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { z } from 'zod';
import { codeOf, messageOf } from '../../shared/base/errors.ts';
import { http } from '../../shared/host/http.ts';
import { withSocketPath } from '../../shared/host/unix-socket.ts';
import { ORDERS } from '../../shared/model/machine.ts';
import { fields, printable } from '../../shared/model/schema.ts';
import { formatCauses, validate } from '../../shared/model/validate.ts';
import type { Log } from '../../shared/ports.ts';
import { UPLOAD_PATH } from './client.ts';
import type { LocalDoor } from './door.ts';

/** The largest order taken, in bytes. */
const LARGEST_BODY_BYTES = 16 * 1024;

const order = fields({
  verb: z.enum(ORDERS),
  machine: z.string().min(1),
  reason: printable.max(1024),
  by: printable.min(1).max(64).optional(),
}).refine(({ verb, reason }) => verb !== 'stop' || reason.trim() !== '', {
  path: ['reason'],
  message: 'a stop holds against the hub, so it has to say why',
});

const trashOrder = z.discriminatedUnion('verb', [
  fields({ verb: z.literal('restore'), entry: z.string().min(1), machine: z.string().min(1) }),
  fields({ verb: z.literal('empty'), entry: z.string().min(1).optional() }),
]);

export interface LocalServer {
  close(): Promise<void>;
}

/**
 * Serves the local door as HTTP on a Unix socket that only the agent's user can open: `GET /status`,
 * `POST /orders` with an order, `GET /trash`, `POST /trash` with what to do of it, `PUT /uploads/` and a data
 * volume's name with a disk image, and `GET /console?machine=` upgraded to a plain stream of bytes.
 */
export async function serveLocalDoor(path: string, door: LocalDoor, log: Log): Promise<LocalServer> {
  rmSync(path, { force: true });
  const server = http.createServer((request, response) => {
    answer(request, response, door).catch((error: unknown) => {
      const status = codeOf(error) === 'NotFound' ? 404 : codeOf(error) === undefined ? 500 : 409;
      if (status === 500) log.error({ error: messageOf(error) }, 'a local request failed');
      send(response, status, { error: messageOf(error) });
    });
  });
  const consoles = new Set<Duplex>();
  server.on('upgrade', (request, socket) => {
    consoles.add(socket);
    socket.on('close', () => consoles.delete(socket));
    // Who hangs up before there is a console is no error of ours, and unheard it would end the agent.
    socket.on('error', () => socket.destroy());
    joinConsole(door, request.url ?? '', socket).catch((error: unknown) => {
      const message = JSON.stringify({ error: messageOf(error) });
      socket.end(
        `HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n${message}`,
      );
    });
  });
  await withSocketPath(
    path,
    (short) =>
      new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(short, resolve);
      }),
  );
  await chmod(path, 0o600);
  return {
    async close() {
      for (const socket of consoles) socket.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      rmSync(path, { force: true });
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, door: LocalDoor): Promise<void> {
  const route = `${request.method ?? ''} ${request.url ?? ''}`;
  if (route === 'GET /status') {
    send(response, 200, door.status());
  } else if (route === 'POST /orders') {
    const parsed = validate(order, parseJson(await readBody(request)));
    if (!parsed.ok) return send(response, 400, { error: formatCauses(parsed.causes) });
    const { verb, machine, reason, by } = parsed.value;
    door.order(verb, machine, reason, by);
    send(response, 202, {});
  } else if (route === 'GET /trash') {
    send(response, 200, await door.listTrash());
  } else if (route === 'POST /trash') {
    const parsed = validate(trashOrder, parseJson(await readBody(request)));
    if (!parsed.ok) return send(response, 400, { error: formatCauses(parsed.causes) });
    const given = parsed.value;
    const done =
      given.verb === 'restore'
        ? await door.restoreTrash(given.entry, given.machine)
        : await door.emptyTrash(given.entry);
    send(response, 200, done);
  } else if (route.startsWith(`PUT ${UPLOAD_PATH}`)) {
    const volume = decodeURIComponent(route.slice(`PUT ${UPLOAD_PATH}`.length));
    await door.upload(volume, request as AsyncIterable<Buffer>);
    send(response, 201, {});
  } else {
    send(response, 404, { error: `there is no ${route} here` });
  }
}

/** Undefined where it is no JSON, which no schema takes. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function joinConsole(door: LocalDoor, url: string, socket: Duplex): Promise<void> {
  const machine = new URLSearchParams(url.split('?')[1]).get('machine') ?? '';
  const serial = await door.openConsole(machine);
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: console\r\nConnection: Upgrade\r\n\r\n');
  serial.pipe(socket).pipe(serial);
  socket.on('error', () => serial.destroy());
  socket.on('close', () => serial.destroy());
  serial.on('error', () => socket.destroy());
  serial.on('close', () => socket.destroy());
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LARGEST_BODY_BYTES) throw new Error(`the body is larger than ${LARGEST_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
