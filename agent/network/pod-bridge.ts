import { createHash } from 'node:crypto';
import type { Cidr } from '../../shared/base/cidr.ts';
import { addressAt } from '../../shared/base/cidr.ts';
import { explainFailure, refuse } from './explain.ts';
import { findLink, isBridge } from './link.ts';
import type { Shell } from './shell.ts';

export interface PodBridge {
  readonly name: string;
  readonly subnet: Cidr;
}

const FORWARDING = '/proc/sys/net/ipv4/ip_forward';

/**
 * Makes what is missing of the bridge that this agent owns, of its address and of its way out; what is there stays as
 * it is, with the machines on it.
 * @throws EffectError NetworkRefused
 */
export async function ensurePodBridge(shell: Shell, bridge: PodBridge): Promise<void> {
  const { name, subnet } = bridge;
  const found = await findLink(shell, name).catch((error: unknown) => {
    throw explainFailure(error, name, `the bridge ${name} can't be looked for`);
  });
  if (found !== undefined && (!isBridge(found) || found.address !== deriveAddress(name))) {
    const why = `${name} is there and not the agent's: give its setting podBridge another name`;
    throw refuse(name, why);
  }
  const attempt = async (what: string, words: readonly string[], input?: string) =>
    shell.run(words, input).catch((error: unknown) => {
      throw explainFailure(error, name, `${what} ${name} can't be made`);
    });
  if (found === undefined) {
    // With an address of its own, by which it is known again: one taken from its ports would change with them.
    const address = ['address', deriveAddress(name)];
    await attempt('the bridge', ['ip', 'link', 'add', 'name', name, ...address, 'type', 'bridge']);
  }
  const own = `${addressAt(subnet, 1)}/${subnet.prefix}`;
  await attempt('the address of', ['ip', 'address', 'replace', own, 'dev', name]);
  await attempt('the bridge', ['ip', 'link', 'set', 'dev', name, 'up']);
  if ((await shell.read(FORWARDING))?.trim() !== '1')
    await attempt('the way out of', ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  await attempt('the way out of', ['nft', '-f', '-'], formatWayOut(bridge));
}

/** What leaves the box from its machines does so under the box's own address. Put in place as a whole. */
function formatWayOut({ name, subnet }: PodBridge): string {
  const table = `ip holdfast_${name.replaceAll(/[^A-Za-z0-9_]/g, '_')}`;
  const from = `${addressAt(subnet, 0)}/${subnet.prefix}`;
  return [
    `table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    '  chain way_out {',
    '    type nat hook postrouting priority srcnat; policy accept;',
    `    ip saddr ${from} ip daddr != ${from} masquerade`,
    '  }',
    '}',
    '',
  ].join('\n');
}

function deriveAddress(name: string): string {
  const digits = createHash('sha256').update(`bridge ${name}`).digest('hex').slice(0, 10);
  return `02:${digits.match(/../g)?.join(':') ?? ''}`;
}
