import { join } from 'node:path';
import type { Cidr } from '../../shared/base/cidr.ts';
import type { Clock } from '../../shared/ports.ts';
import type { BridgeNetwork, CompiledInterface } from '../machine/interface.ts';
import type { ConnectedMachine, Networks, Tap } from '../networks-port.ts';
import { createDhcp } from './dhcp.ts';
import { explainFailure, refuse } from './explain.ts';
import { filtersVlans, findLink, isBridge } from './link.ts';
import { ensurePodBridge } from './pod-bridge.ts';
import type { Shell } from './shell.ts';
import type { TapOwner } from './tap.ts';
import { formatAlias, listTaps, makeTap, nameTap, placeOf, removeTap } from './tap.ts';

export interface NetworksOptions {
  /** The real path of the agent's data directory. */
  readonly dataDir: string;
  /** The bridge of the pod network, which the agent makes, and its addresses. */
  readonly podBridge: string;
  readonly podSubnet: Cidr;
  readonly shell: Shell;
  /** Words before a process that is to outlive the agent. */
  readonly keepAlive: readonly string[];
  readonly clock: Clock;
}

/** What a guest's frames hold where nothing else is said. */
const USUAL_MTU = 1500;

/** Where a card is to be connected, once that is known to be possible. */
interface Place {
  readonly bridge: string;
  readonly vlan: number | undefined;
  readonly bridgeMtu: number;
  readonly guestMtu: number;
}

export function createNetworks(options: NetworksOptions): Networks {
  const { shell, podBridge, podSubnet, clock } = options;
  const place = placeOf(options.dataDir);
  const pod = { name: podBridge, subnet: podSubnet };
  const folder = join(options.dataDir, 'network');
  const dhcp = createDhcp({ shell, folder, bridge: pod, prefix: options.keepAlive, clock });
  /** The taps that there are, by device; looked up once, and then known. */
  let known: Promise<Map<string, TapOwner>> | undefined;
  let lastChange: Promise<unknown> = Promise.resolve();

  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    const result = lastChange.then(work, work);
    lastChange = result.catch(() => {});
    return result;
  };

  const readTaps = async () => {
    known ??= listTaps(shell, place);
    known.catch(() => {
      known = undefined;
    });
    return known;
  };

  const drop = async (taps: Map<string, TapOwner>, device: string) => {
    await removeTap(shell, device).catch(async (error: unknown) => {
      if ((await findLink(shell, device)) !== undefined) throw error;
    });
    taps.delete(device);
  };

  const dropAll = async (uid: string, cards: readonly string[] | undefined) => {
    const taps = await readTaps();
    for (const [device, owner] of taps) {
      if (owner.uid === uid && cards?.includes(owner.card) !== false) await drop(taps, device);
    }
  };

  const findPlace = async ({ network, name }: CompiledInterface): Promise<Place> => {
    if (network.kind === 'bridge') return findBridge(shell, network);
    if (network.kind === 'missing')
      throw refuse(name, `the network ${network.networkName} of interface ${name} is not known here`);
    await ensurePodBridge(shell, pod);
    await dhcp.ensure();
    return { bridge: podBridge, vlan: undefined, bridgeMtu: USUAL_MTU, guestMtu: USUAL_MTU };
  };

  const connectCard = async (
    machine: ConnectedMachine,
    card: CompiledInterface,
    user: number,
  ): Promise<Tap> => {
    const { uid, namespace, name } = machine;
    const taps = await readTaps();
    const { bridge, vlan, bridgeMtu, guestMtu } = await findPlace(card);
    const segment = vlan === undefined ? bridge : `${bridge}.${vlan}`;
    const owner = { uid, card: card.name, mac: card.mac, segment, machine: `${namespace}/${name}` };
    refuseTwin(taps, owner);
    if (card.network.kind === 'pod') {
      const { hostname, dhcp: told } = card.network;
      await dhcp.reserve(card.mac, { uid, hostname, dhcp: told });
    }
    const device = nameTap(place, uid, card.name);
    if (taps.has(device)) await drop(taps, device);
    const alias = formatAlias(place, owner);
    await makeTap(shell, { device, alias, user, queues: card.queues, mtu: bridgeMtu, bridge, vlan }).catch(
      (error: unknown) => {
        throw explainFailure(error, card.name, `interface ${card.name} can't be connected to ${segment}`);
      },
    );
    taps.set(device, owner);
    return { device, ...(guestMtu === USUAL_MTU ? {} : { mtu: guestMtu }) };
  };

  return {
    async connect(machine, cards, user) {
      return inTurn(async () => {
        const made = new Map<string, Tap>();
        try {
          for (const card of cards) {
            if (card.network.kind !== 'user') made.set(card.name, await connectCard(machine, card, user));
          }
        } catch (error) {
          await dropAll(machine.uid, [...made.keys()]);
          throw error;
        }
        return made;
      });
    },
    async connected() {
      return [...new Set([...(await readTaps()).values()].map(({ uid }) => uid))];
    },
    async disconnect(uid, cards) {
      await inTurn(async () => dropAll(uid, cards));
    },
    async forget(uid) {
      await inTurn(async () => {
        await dropAll(uid, undefined);
        await dhcp.forget(uid);
      });
    },
    async attend() {
      await inTurn(async () => {
        const taps = [...(await readTaps())].filter(([, { segment }]) => segment === podBridge);
        if (taps.length === 0) return;
        if ((await findLink(shell, podBridge)) === undefined) {
          await ensurePodBridge(shell, pod);
          for (const [device] of taps)
            await shell.run(['ip', 'link', 'set', 'dev', device, 'master', podBridge]);
        }
        await dhcp.ensure();
      });
    },
    async addresses() {
      if ((await readTaps()).size === 0) return new Map();
      const neighbours = parseNeighbours((await shell.read('/proc/net/arp')) ?? '');
      return new Map([...neighbours, ...(await dhcp.leases())]);
    },
  };
}

/** What `ip` takes as it is wherever a name stands. */
const PLAIN_NAME = /^[\w.@+=:-]+$/;

/** The operator's bridge, which is left as it is. */
async function findBridge(shell: Shell, { bridge, vlan, mtu }: BridgeNetwork): Promise<Place> {
  if (!PLAIN_NAME.test(bridge))
    throw refuse(bridge, `the bridge's name ${bridge} has signs that can't be used`);
  const found = await findLink(shell, bridge).catch((error: unknown) => {
    throw explainFailure(error, bridge, `the bridge ${bridge} can't be looked for`);
  });
  if (found === undefined)
    throw refuse(bridge, `the box has no bridge ${bridge}: make it (ip link add ${bridge} type bridge)`);
  if (!isBridge(found)) throw refuse(bridge, `${bridge} of the box is no Linux bridge`);
  if (vlan !== undefined && !filtersVlans(found)) {
    const way = `ip link set ${bridge} type bridge vlan_filtering 1`;
    throw refuse(bridge, `the bridge ${bridge} does not tell VLANs apart, which ${vlan} needs: ${way}`);
  }
  if (mtu !== undefined && mtu > found.mtu) {
    const way = `ip link set ${bridge} mtu ${mtu}`;
    throw refuse(
      bridge,
      `the MTU of the bridge ${bridge} is ${found.mtu}, less than the network's ${mtu}: ${way}`,
    );
  }
  // A port of a smaller MTU would make the bridge's own smaller, for all that is on it: only the guest is told.
  return { bridge, vlan, bridgeMtu: found.mtu, guestMtu: mtu ?? found.mtu };
}

function refuseTwin(taps: ReadonlyMap<string, TapOwner>, wanted: TapOwner): void {
  for (const other of taps.values()) {
    const isSame = other.uid === wanted.uid && other.card === wanted.card;
    if (isSame || other.mac !== wanted.mac || other.segment !== wanted.segment) continue;
    const both = `${wanted.machine} (${wanted.card}) and ${other.machine} (${other.card})`;
    const why = `${both} have the same MAC address ${wanted.mac} on ${wanted.segment}: give one another macAddress`;
    throw refuse(wanted.card, why);
  }
}

/** Of the kernel's ARP table, the addresses that were really answered for, by MAC. */
function parseNeighbours(text: string): Map<string, string> {
  const rows = text.split('\n').slice(1);
  return new Map(
    rows.flatMap((row) => {
      const [ip, , flags, mac] = row.split(/\s+/);
      const isComplete = (Number(flags) & 2) !== 0;
      return ip === undefined || mac === undefined || !isComplete ? [] : [[mac, ip] as const];
    }),
  );
}
