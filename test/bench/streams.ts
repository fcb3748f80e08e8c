import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { createClock } from '../../shared/host/clock.ts';
import { dialHub } from '../../hub/operator/dial-hub.ts';
import { compileManifest } from '../e2e/manifest.ts';
import { GUEST_IMAGE } from '../e2e/world.ts';
import { waitFor } from '../tools/wait-for.ts';
import type { BenchWorld, OpenWorlds } from './bench-world.ts';
import { DEVICE, withBenchWorld } from './bench-world.ts';
import type { Figure } from './figure.ts';
import { formatMebibytes, formatRange, median } from './figure.ts';

const MACHINE = 'spoken-to';
const FILE_MEBIBYTES = 32;
const REPETITIONS = 5;
const KEYS = 100;

/** A file on the web server that is there already. */
const USER_DATA = `#!/bin/sh
mkdir /tmp/site
dd if=/dev/zero of=/tmp/site/file bs=1M count=${FILE_MEBIBYTES}
busybox httpd -p 8081 -h /tmp/site
`;

type Open = () => Promise<Duplex>;

/** Streams through hub and agent, next to the same without them, in turn. */
export function createStreamsFigure(open: OpenWorlds): Figure {
  return {
    name: 'streams',
    prose: 'a port and the console of a machine through the hub, and without it',
    measure: async (report) =>
      withBenchWorld(open, async (bench) => {
        bench.startAgent();
        await bench.untilQuiet();
        const { world } = bench;
        const image = { url: world.images.url(GUEST_IMAGE), checksum: world.checksum };
        const given = { name: MACHINE, device: DEVICE, graceSeconds: 0, userData: USER_DATA, ...image };
        const manifest = JSON.stringify(compileManifest(given));
        // Its one forwarded port is that of the file.
        await bench.apply(JSON.parse(manifest.replace('"port":80', '"port":8081')) as object);
        const through = (path: string) => async () => dialHub(access(bench), path, createClock());
        const instance = `/apis/subresources.kubevirt.io/v1/namespaces/default/virtualmachineinstances/${MACHINE}`;

        const port = await directPort(bench);
        const hubPort = through(`${instance}/portforward/8081`);
        await waitFor('the file', async () => (await transfer(port)) > 0, 120_000);
        const rates: [number[], number[]] = [[], []];
        for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
          rates[0].push(await transfer(port));
          rates[1].push(await transfer(hubPort));
        }
        const rate = (bytes: number) => `${formatMebibytes(bytes)}/s`;
        for (const [index, how] of ['forwarded port of the box', 'port-forward through the hub'].entries())
          report.row(
            `${FILE_MEBIBYTES} MiB from a guest, ${how}`,
            rate(median(rates[index] ?? [])),
            `median of ${REPETITIONS}, ${formatRange(rates[index] ?? [], rate)}; the guest is the slower end`,
          );

        const milliseconds = (value: number) => `${value.toFixed(1)} ms`;
        const consoles: [string, Open][] = [
          ["QEMU's socket", async () => openSerial(bench)],
          ['console through the hub', through(`${instance}/console`)],
        ];
        for (const [how, openConsole] of consoles) {
          const times = await strike(openConsole);
          report.row(
            `a key struck until its echo, ${how}`,
            milliseconds(median(times)),
            `median of ${times.length}, ${formatRange(times, milliseconds)}`,
          );
        }
      }),
  };
}

function access({ world }: BenchWorld) {
  return { server: `http://${world.addresses()?.api ?? ''}`, token: '' };
}

/** What the box itself reaches the guest's web server by. */
async function directPort(bench: BenchWorld): Promise<Open> {
  const address = await waitFor('the port', async () => (await bench.find(MACHINE))?.ports[0]?.host);
  const [host = '', port] = address.split(':');
  return async () => connect({ host, port: Number(port) });
}

/** Bytes a second. */
async function transfer(open: Open): Promise<number> {
  const stream = await open();
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const startedAtMs = performance.now();
  stream.write('GET /file HTTP/1.0\r\n\r\n');
  await once(stream, 'end');
  stream.destroy();
  if (bytes < FILE_MEBIBYTES * 2 ** 20) throw new Error(`the guest gave ${bytes} bytes of its file`);
  return (bytes / (performance.now() - startedAtMs)) * 1_000;
}

async function openSerial({ world, find }: BenchWorld): Promise<Duplex> {
  const { uid = '' } = (await find(MACHINE)) ?? {};
  const folder = join(world.agentDir(DEVICE), 'machines', uid);
  const path = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) =>
    /serial-\d+\.sock$/.test(name),
  );
  return connect(join(folder, path ?? 'no serial console'));
}

/** Milliseconds from each key to its echo by the guest's terminal. */
async function strike(open: Open): Promise<number[]> {
  const stream = await open();
  // What was said before it.
  stream.write('\n');
  let heard = '';
  stream.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1');
  });
  await waitFor('a login', () => heard.endsWith('login: '));
  const times: number[] = [];
  for (let key = 0; key < KEYS; key += 1) {
    const startedAtMs = performance.now();
    stream.write('x');
    await once(stream, 'data');
    times.push(performance.now() - startedAtMs);
  }
  stream.write('\n\n');
  stream.destroy();
  return times;
}
