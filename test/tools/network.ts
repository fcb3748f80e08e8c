import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGate } from './gate.ts';
import type { Namespace } from './namespace.ts';
import { createNamespace } from './namespace.ts';
import { createSeededFractions } from './seeded-random.ts';
import type { Wire } from './wire.ts';
import { createWire, endProcess } from './wire.ts';

/** At which boxes meet the hub. */
const PORTS = { mqtt: 1883, api: 8080 };

/** A box's own network: one wire to the hub's, and nothing else. */
export interface Site {
  readonly within: readonly string[];
  /** The hub's MQTT address as the box sees it. */
  readonly hub: string;
  /** Where it takes streams in. */
  readonly tunnel: string;
  /** `there` is from the box to the hub, `back` from the hub to the box. */
  readonly wire: Wire;
}

export interface Network {
  join(): Promise<Site>;
  /** Takes away all that was made, and nothing else. */
  close(): Promise<void>;
}

/**
 * A network of namespaces around a hub that listens on this host's loopback alone: a gate in the hub's namespace
 * carries bytes to it, so that what lies between a box and the hub is a wire with real TCP on it.
 * @param hub the `HOST:PORT` of its broker and of its API as they are now
 */
export async function createNetwork(
  hub: () => { readonly mqtt: string; readonly api: string },
  seed: number,
): Promise<Network> {
  const prefix = `hf${process.pid}x`;
  const fraction = createSeededFractions(seed);
  const hubSide = createNamespace(`${prefix}hub`);
  const namespaces: Namespace[] = [hubSide];
  const wires: Wire[] = [];
  const gates = [
    await openGate(hubSide, PORTS.mqtt, () => hub().mqtt),
    await openGate(hubSide, PORTS.api, () => hub().api),
  ];

  return {
    async join() {
      const number = wires.length + 1;
      const boxSide = createNamespace(`${prefix}${number}`);
      namespaces.push(boxSide);
      const wire = await createWire(
        { namespace: boxSide, interfaceName: `${prefix}${number}b`, address: `10.77.${number}.2/30` },
        { namespace: hubSide, interfaceName: `${prefix}${number}h`, address: `10.77.${number}.1/30` },
        fraction,
      );
      wires.push(wire);
      const hubHost = `10.77.${number}.1`;
      return {
        within: boxSide.within,
        hub: `mqtt://${hubHost}:${PORTS.mqtt}`,
        tunnel: `http://${hubHost}:${PORTS.api}`,
        wire,
      };
    },
    async close() {
      for (const wire of wires) await wire.close();
      for (const gate of gates) await gate.close();
      for (const namespace of namespaces) namespace.close();
    },
  };
}

/** A file's socket is in no network: it leads out of the namespace to the hub. */
async function openGate(namespace: Namespace, port: number, target: () => string) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-gate-'));
  const path = join(folder, 'gate.sock');
  const gate = await createGate(target, path);
  const listen = `TCP4-LISTEN:${port},reuseaddr,fork`;
  const [command = '', ...args] = [...namespace.within, 'socat', listen, `UNIX-CONNECT:${path}`];
  const porter = spawn(command, args, { stdio: ['ignore', 'ignore', 'ignore'] });
  return {
    async close() {
      await endProcess(porter);
      // The porter's children, one for each connection, end with their connections.
      await gate.close();
      rmSync(folder, { recursive: true });
    },
  };
}
