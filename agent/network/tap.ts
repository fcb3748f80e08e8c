import { createHash } from 'node:crypto';
import { z } from 'zod';
import { assert } from '../../shared/base/assert.ts';
import { listLinks } from './link.ts';
import type { Shell } from './shell.ts';

/** Whose a tap is, and what it is connected to; kept in the alias of the device itself, so that it is never lost. */
export interface TapOwner {
  readonly uid: string;
  readonly card: string;
  readonly mac: string;
  /** The bridge, with the VLAN on it: two cards of one address must not meet on it. */
  readonly segment: string;
  /** For people: `namespace/name`, cut where it is long. */
  readonly machine: string;
}

const MOST_ALIAS = 255;
const ALIAS = /^holdfast,([0-9a-f]{8}),([0-9a-f-]{36}),([a-z0-9-]+),([0-9a-f:]{17}),(.+),([^,]*)$/;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** What tells the taps of one agent from those of another on the same box. */
export function placeOf(dataDir: string): string {
  return createHash('sha256').update(dataDir).digest('hex').slice(0, 8);
}

/** A name of 15 characters, the most that the kernel takes, with 65 bits of a hash. */
export function nameTap(place: string, uid: string, card: string): string {
  const bytes = createHash('sha256').update(`${place}/${uid}/${card}`).digest();
  return `hf${Array.from(bytes.subarray(0, 13), (byte) => ALPHABET[byte & 31]).join('')}`;
}

export function formatAlias(place: string, { uid, card, mac, segment, machine }: TapOwner): string {
  const text = ['holdfast', place, uid, card, mac, segment, ''].join(',');
  return text + machine.slice(0, MOST_ALIAS - text.length);
}

/** Undefined for what is no tap of this agent. */
export function parseAlias(place: string, alias: string): TapOwner | undefined {
  const [, of, uid = '', card = '', mac = '', segment = '', machine = ''] = ALIAS.exec(alias) ?? [];
  return of === place ? { uid, card, mac, segment, machine } : undefined;
}

/** The taps of this agent, by device. */
export async function listTaps(shell: Shell, place: string): Promise<Map<string, TapOwner>> {
  const links = await listLinks(shell, 'tun');
  return new Map(
    links.flatMap(({ ifname, ifalias }) => {
      const owner = parseAlias(place, ifalias ?? '');
      return owner === undefined ? [] : [[ifname, owner] as const];
    }),
  );
}

export interface NewTap {
  readonly device: string;
  readonly alias: string;
  /** The user who may open it. */
  readonly user: number;
  readonly queues: number;
  readonly mtu: number;
  readonly bridge: string;
  readonly vlan: number | undefined;
}

/** Makes a tap and puts it on its bridge; it comes up last, so that nothing passes before its VLAN is set. */
export async function makeTap(shell: Shell, tap: NewTap): Promise<void> {
  const { device } = tap;
  const queued = tap.queues > 1 ? ' multi_queue' : '';
  const up = `link set dev ${device} up`;
  const lines = [
    `tuntap add dev ${device} mode tap user ${tap.user}${queued}`,
    `link set dev ${device} alias ${tap.alias}`,
    // No address of the box's own on what is the guest's wire.
    `link set dev ${device} addrgenmode none`,
    `link set dev ${device} mtu ${tap.mtu} master ${tap.bridge}`,
    ...(tap.vlan === undefined ? [up] : []),
  ];
  try {
    await runBatch(shell, 'ip', lines);
    if (tap.vlan === undefined) return;
    await setVlan(shell, device, tap.vlan);
    await runBatch(shell, 'ip', [up]);
  } catch (error) {
    // Where it was made at all, now or by an agent that did not live to give it its alias.
    await removeTap(shell, device).catch(() => {});
    throw error;
  }
}

export async function removeTap(shell: Shell, device: string): Promise<void> {
  await shell.run(['ip', 'link', 'delete', 'dev', device]);
}

/** One process for several lines, the first that fails being the last. */
async function runBatch(shell: Shell, tool: 'ip' | 'bridge', lines: readonly string[]): Promise<void> {
  for (const line of lines)
    assert(/^[\w ,.:/@+=-]+$/.test(line), `${JSON.stringify(line)} would be read otherwise`);
  await shell.run([tool, '-batch', '-'], lines.map((line) => `${line}\n`).join(''));
}

const vlans = z.array(
  z.object({ vlans: z.array(z.object({ vlan: z.number(), vlanEnd: z.number().optional() })).optional() }),
);

/** Makes a port one of this VLAN alone, without tags: a port is made with the bridge's default one. */
async function setVlan(shell: Shell, device: string, vlan: number): Promise<void> {
  const shown = await shell.run(['bridge', '-json', 'vlan', 'show', 'dev', device]);
  const held = vlans.parse(JSON.parse(shown)).flatMap((port) => port.vlans ?? []);
  const ranges = held.map((one) => (one.vlanEnd === undefined ? one.vlan : `${one.vlan}-${one.vlanEnd}`));
  await runBatch(shell, 'bridge', [
    ...ranges.map((range) => `vlan delete dev ${device} vid ${range}`),
    `vlan add dev ${device} vid ${vlan} pvid untagged`,
  ]);
}
