import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { EffectError, codeOf, messageOf } from '../../shared/base/errors.ts';
import type { WantedPort } from '../machine/interface.ts';
import type { HostPort } from '../ports.ts';

type Protocol = HostPort['protocol'];
type GuestPort = WantedPort & { readonly interface: string };

/** The box's ports that lead into guests: each belongs to one machine, also while that does not run. */
export interface HostPorts {
  /**
   * A host port for each guest port: the one it had before where that is still free, or else one that the kernel
   * has to give. They are the machine's until they are chosen anew or released.
   * @throws EffectError NoFreePort
   */
  choose(uid: string, wanted: readonly GuestPort[], before: readonly HostPort[]): Promise<HostPort[]>;
  /**
   * As many host ports more, beside those that the machine has.
   * @throws EffectError NoFreePort
   */
  add(uid: string, wanted: readonly GuestPort[]): Promise<HostPort[]>;
  /** Takes note of ports that a machine was given in an earlier life of the agent. */
  claim(uid: string, ports: readonly HostPort[]): void;
  /** Lets go of all ports of a machine but these. */
  keep(uid: string, ports: readonly HostPort[]): void;
  release(uid: string): void;
}

/** How often the kernel may offer a port that another machine counts on. */
const MOST_OFFERS = 20;

/** `address` is the box's address that ports are forwarded from (IPv4: QEMU takes no other here). */
export function createHostPorts(address: string): HostPorts {
  const owners = new Map<string, string>();
  const key = (protocol: Protocol, port: number) => `${protocol} ${port}`;

  const release = (uid: string) => {
    for (const [port, owner] of owners) if (owner === uid) owners.delete(port);
  };

  /** The port is the machine's from the moment it is known to be free; undefined where it is not. */
  const take = async (uid: string, protocol: Protocol, wanted: number): Promise<number | undefined> => {
    if (owners.has(key(protocol, wanted))) return undefined;
    const port = await tryBind(address, protocol, wanted);
    if (port === undefined || owners.has(key(protocol, port))) return undefined;
    owners.set(key(protocol, port), uid);
    return port;
  };

  const takeAny = async (uid: string, protocol: Protocol): Promise<number> => {
    for (let offer = 0; offer < MOST_OFFERS; offer += 1) {
      const port = await take(uid, protocol, 0);
      if (port !== undefined) return port;
    }
    throw new EffectError('NoFreePort', address, `no free ${protocol} port was found on ${address}`);
  };

  return {
    release,
    keep(uid, ports) {
      const kept = new Set(ports.map(({ protocol, hostPort }) => key(protocol, hostPort)));
      for (const [port, owner] of owners) if (owner === uid && !kept.has(port)) owners.delete(port);
    },
    claim(uid, ports) {
      for (const { protocol, hostPort } of ports) {
        const name = key(protocol, hostPort);
        if (!owners.has(name)) owners.set(name, uid);
      }
    },
    async add(uid, wanted) {
      const chosen: HostPort[] = [];
      for (const port of wanted)
        chosen.push({ ...port, hostAddress: address, hostPort: await takeAny(uid, port.protocol) });
      return chosen;
    },
    async choose(uid, wanted, before) {
      release(uid);
      const chosen: HostPort[] = [];
      for (const guestPort of wanted) {
        const { port, protocol } = guestPort;
        const had = before.find(
          (known) =>
            known.interface === guestPort.interface && known.port === port && known.protocol === protocol,
        );
        const kept = had === undefined ? undefined : await take(uid, protocol, had.hostPort);
        chosen.push({ ...guestPort, hostAddress: address, hostPort: kept ?? (await takeAny(uid, protocol)) });
      }
      return chosen;
    },
  };
}

/** Binds and lets go again: the port that the kernel gave, or undefined where `port` is taken. */
async function tryBind(address: string, protocol: Protocol, port: number): Promise<number | undefined> {
  try {
    if (protocol === 'UDP') {
      const socket = createSocket('udp4');
      socket.bind({ port, address, exclusive: true });
      await once(socket, 'listening');
      const bound = socket.address().port;
      await new Promise<void>((resolve) => socket.close(resolve));
      return bound;
    }
    const server = createServer();
    server.listen({ port, host: address, exclusive: true });
    await once(server, 'listening');
    const bound = server.address();
    await new Promise((resolve) => server.close(resolve));
    return typeof bound === 'object' ? bound?.port : undefined;
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE' || codeOf(error) === 'EACCES') return undefined;
    throw new EffectError('NoFreePort', address, `can't bind ${address}: ${messageOf(error)}`, error);
  }
}
