import { join } from 'node:path';
import { addressAt } from '../../shared/base/cidr.ts';
import { sleep } from '../../shared/base/deadline.ts';
import type { DhcpOptions } from '../../shared/model/domain/interface.ts';
import type { Clock } from '../../shared/ports.ts';
import { explainFailure, refuse } from './explain.ts';
import type { PodBridge } from './pod-bridge.ts';
import type { Reservations } from './reservations.ts';
import {
  forgetMachine,
  formatHosts,
  formatOptions,
  parseLeases,
  parseReservations,
  reserve,
} from './reservations.ts';
import type { Shell } from './shell.ts';

/** DHCP and names for the machines on the pod network, by one dnsmasq that outlives the agent. */
export interface Dhcp {
  /** Sees to it that dnsmasq runs as it should. @throws EffectError NetworkRefused */
  ensure(): Promise<void>;
  /** Gives a card an address for good; dnsmasq knows it when this resolves. @throws EffectError NetworkRefused */
  reserve(mac: string, card: { uid: string; hostname: string; dhcp: DhcpOptions }): Promise<void>;
  /** Frees the addresses of a machine that is gone. */
  forget(uid: string): Promise<void>;
  /** The addresses that machines have taken, by MAC. */
  leases(): Promise<ReadonlyMap<string, string>>;
}

interface DhcpOptionsOfBox {
  readonly shell: Shell;
  readonly folder: string;
  readonly bridge: PodBridge;
  /** Words before dnsmasq that keep it from ending with the agent. */
  readonly prefix: readonly string[];
  readonly clock: Clock;
}

const END_DEADLINE_MS = 5_000;
const RETRY_MS = 20;

export function createDhcp({ shell, folder, bridge, prefix, clock }: DhcpOptionsOfBox): Dhcp {
  const file = (name: string) => join(folder, name);
  const [config, table, hosts, options] = ['dnsmasq.conf', 'addresses.json', 'hosts', 'options'].map(
    file,
  ) as [string, string, string, string];
  const [leases, pidFile] = [file('leases'), file('dnsmasq.pid')];
  const { name, subnet } = bridge;

  const configText = [
    `interface=${name}`,
    // Binds to the bridge alone, also to one that was made anew.
    'bind-dynamic',
    'except-interface=lo',
    `dhcp-range=${addressAt(subnet, 0)},static,12h`,
    'dhcp-authoritative',
    `dhcp-hostsfile=${hosts}`,
    `dhcp-optsfile=${options}`,
    `dhcp-leasefile=${leases}`,
    `pid-file=${pidFile}`,
    'no-hosts',
    // Names of machines are nobody else's business.
    'domain-needed',
    '',
  ].join('\n');

  /** dnsmasq's pid, where the process is ours: a pid alone may be another's by now. */
  const findProcess = async (): Promise<string | undefined> => {
    const pid = (await shell.read(pidFile))?.trim();
    if (pid === undefined || !/^\d+$/.test(pid)) return undefined;
    const words = (await shell.read(`/proc/${pid}/cmdline`))?.split('\0');
    return words?.includes(`--conf-file=${config}`) === true ? pid : undefined;
  };

  const end = async (pid: string) => {
    await shell.run(['kill', pid]);
    const startedAtMs = clock.monotonic();
    while ((await findProcess()) === pid) {
      if (clock.monotonic() - startedAtMs > END_DEADLINE_MS)
        throw refuse(name, `dnsmasq (${pid}) does not end`);
      await sleep(clock, RETRY_MS);
    }
  };

  const read = async () => parseReservations(await shell.read(table), table);

  const write = async (held: Reservations) => {
    await shell.write(table, JSON.stringify(held));
    const files = [
      [hosts, formatHosts(held, subnet)],
      [options, formatOptions(held)],
    ] as const;
    for (const [path, text] of files) if ((await shell.read(path)) !== text) await shell.write(path, text);
    const pid = await findProcess();
    if (pid !== undefined) await shell.run(['kill', '-HUP', pid]);
  };

  return {
    async ensure() {
      const isSame = (await shell.read(config)) === configText;
      const pid = await findProcess();
      if (pid !== undefined && isSame) return;
      if (pid !== undefined) await end(pid);
      if (!isSame) await shell.write(config, configText);
      await write(await read());
      await shell.run([...prefix, 'dnsmasq', `--conf-file=${config}`]).catch((error: unknown) => {
        throw explainFailure(error, name, `DHCP on ${name} can't be started`);
      });
    },
    async reserve(mac, card) {
      const held = await read();
      const after = reserve(held, subnet, mac, card);
      if (JSON.stringify(after) !== JSON.stringify(held)) await write(after);
    },
    async forget(uid) {
      const held = await read();
      const after = forgetMachine(held, uid);
      if (Object.keys(after).length < Object.keys(held).length) await write(after);
    },
    async leases() {
      return parseLeases((await shell.read(leases)) ?? '');
    },
  };
}
