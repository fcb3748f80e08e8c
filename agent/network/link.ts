import { z } from 'zod';
import { messageOf } from '../../shared/base/errors.ts';
import type { Shell } from './shell.ts';

/** A network device of the box, as `ip` tells of it. */
const link = z.object({
  ifname: z.string(),
  mtu: z.number(),
  address: z.string().optional(),
  ifalias: z.string().optional(),
  master: z.string().optional(),
  linkinfo: z
    .object({
      info_kind: z.string().optional(),
      info_data: z.object({ vlan_filtering: z.number().optional() }).optional(),
    })
    .optional(),
});
export type Link = z.infer<typeof link>;

/** All network devices, or those of one type (`tun`, `bridge`). */
export async function listLinks(shell: Shell, type?: string): Promise<Link[]> {
  return parseLinks(
    await shell.run(['ip', '-json', '-details', 'link', 'show', ...(type ? ['type', type] : [])]),
  );
}

/** Undefined where there is none of that name. */
export async function findLink(shell: Shell, name: string): Promise<Link | undefined> {
  try {
    return parseLinks(await shell.run(['ip', '-json', '-details', 'link', 'show', 'dev', name]))[0];
  } catch (error) {
    if (/does not exist/i.test(messageOf(error))) return undefined;
    throw error;
  }
}

/** With nothing to show `ip` prints nothing, or empty objects. */
function parseLinks(text: string): Link[] {
  if (text.trim() === '') return [];
  const shown = z.array(z.object({ ifname: z.unknown() }).loose()).parse(JSON.parse(text));
  return shown.filter(({ ifname }) => ifname !== undefined).map((one) => link.parse(one));
}

export function isBridge({ linkinfo }: Link): boolean {
  return linkinfo?.info_kind === 'bridge';
}

export function filtersVlans({ linkinfo }: Link): boolean {
  return linkinfo?.info_data?.vlan_filtering === 1;
}
