import { isIP } from 'node:net';
import { z } from 'zod';
import type { GuestDetails, GuestFileSystem, GuestUser } from '../guest.ts';
import type { ObservedMachine } from '../ports.ts';

/** What a guest's agent answers, cut down to what is bounded and of a known form: a guest may say anything. */

export type GuestAddresses = NonNullable<ObservedMachine['process']>['addresses'];

const MOST_INTERFACES = 32;
const MOST_ADDRESSES = 16;
const MOST_COMMANDS = 256;
const MOST_ITEMS = 128;
const LONGEST_TEXT = 256;

/** Text of a guest as one line that shows all it holds: it goes into tables and terminals. */
const text = z
  .string()
  .transform((given) => given.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '').slice(0, LONGEST_TEXT));
const bytes = z.number().min(0).max(Number.MAX_SAFE_INTEGER).transform(Math.trunc);

const interfaces = z.array(
  z.object({
    name: z.string().max(64).pipe(text),
    'hardware-address': z.string().max(17).optional(),
    'ip-addresses': z.array(z.object({ 'ip-address': z.string().max(64) })).optional(),
  }),
);

/** `guest-network-get-interfaces`, loopback left out. */
export function parseAddresses(reply: unknown): GuestAddresses {
  const parsed = interfaces.safeParse(reply);
  if (!parsed.success) return [];
  return parsed.data.slice(0, MOST_INTERFACES).flatMap(({ name, ...rest }) => {
    const mac = rest['hardware-address']?.toLowerCase();
    if (mac === undefined || !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) || mac === '00:00:00:00:00:00')
      return [];
    const ips = (rest['ip-addresses'] ?? [])
      .map((entry) => entry['ip-address'])
      .filter((ip) => isIP(ip) !== 0);
    return [{ mac, name, ips: ips.slice(0, MOST_ADDRESSES) }];
  });
}

const agentForm = z.object({
  version: text,
  supported_commands: z.array(z.object({ name: z.string().regex(/^[\w-]{1,64}$/), enabled: z.boolean() })),
});

export interface GuestAgentForm {
  readonly version: string;
  readonly commands: readonly { readonly name: string; readonly enabled: boolean }[];
}

/** `guest-info`; undefined where it makes no sense. */
export function parseAgent(reply: unknown): GuestAgentForm | undefined {
  const parsed = agentForm.safeParse(reply);
  if (!parsed.success) return undefined;
  const commands = parsed.data.supported_commands
    .slice(0, MOST_COMMANDS)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return { version: parsed.data.version, commands };
}

const osForm = z.object({
  id: text.optional(),
  name: text.optional(),
  'pretty-name': text.optional(),
  version: text.optional(),
  'version-id': text.optional(),
  machine: text.optional(),
  'kernel-release': text.optional(),
  'kernel-version': text.optional(),
});

/** `guest-get-osinfo`, in KubeVirt's names. */
export function parseOs(reply: unknown): GuestDetails['os'] {
  const parsed = osForm.safeParse(reply);
  if (!parsed.success) return {};
  const form = parsed.data;
  const named = {
    name: form.name,
    kernelRelease: form['kernel-release'],
    version: form.version,
    prettyName: form['pretty-name'],
    versionId: form['version-id'],
    kernelVersion: form['kernel-version'],
    machine: form.machine,
    id: form.id,
  };
  return Object.fromEntries(
    Object.entries(named).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** `guest-get-host-name`. */
export function parseHostname(reply: unknown): string | undefined {
  return z.object({ 'host-name': text }).safeParse(reply).data?.['host-name'];
}

/** `guest-get-timezone` as KubeVirt writes it: its name and its seconds east of Greenwich. */
export function parseTimezone(reply: unknown): string | undefined {
  const parsed = z.object({ zone: text.optional(), offset: z.int() }).safeParse(reply);
  return parsed.success ? `${parsed.data.zone ?? ''}, ${parsed.data.offset}` : undefined;
}

/** `guest-get-users`; the time of login in seconds since the epoch. */
export function parseUsers(reply: unknown): GuestUser[] {
  const form = z.object({ user: text, domain: text.optional(), 'login-time': z.number().optional() });
  return parseItems(form, reply).map(({ user, domain, ...rest }) => ({
    userName: user,
    ...(domain !== undefined && { domain }),
    ...(rest['login-time'] !== undefined && { loginTime: rest['login-time'] }),
  }));
}

/** `guest-get-fsinfo`; what the guest does not count (a CD-ROM's use) is 0. */
export function parseFileSystems(reply: unknown): GuestFileSystem[] {
  const disk = z.object({ 'bus-type': text, serial: text.optional() });
  const form = z.object({
    name: text,
    mountpoint: text,
    type: text,
    'used-bytes': bytes.optional(),
    'total-bytes': bytes.optional(),
    disk: z.array(z.unknown()).optional(),
  });
  return parseItems(form, reply).map((entry) => ({
    diskName: entry.name,
    mountPoint: entry.mountpoint,
    fileSystemType: entry.type,
    usedBytes: entry['used-bytes'] ?? 0,
    totalBytes: entry['total-bytes'] ?? 0,
    disk: parseItems(disk, entry.disk).map(({ serial, ...rest }) => ({
      busType: rest['bus-type'],
      ...(serial !== undefined && { serial }),
    })),
  }));
}

/** `guest-get-load`: averages over 1, 5 and 15 minutes. */
export function parseLoad(reply: unknown): { load1m: number; load5m: number; load15m: number } | undefined {
  const form = z.object({ load1m: z.number(), load5m: z.number(), load15m: z.number() });
  return form.safeParse(reply).data;
}

const execStatus = z.object({
  exited: z.boolean(),
  exitcode: z.int().optional(),
  signal: z.int().optional(),
});

/** `guest-exec-status`: undefined while it runs, -1 where a signal ended it. */
export function parseExit(reply: unknown): number | undefined {
  const parsed = execStatus.safeParse(reply);
  if (!parsed.success || !parsed.data.exited) return undefined;
  return parsed.data.exitcode ?? -1;
}

/** The items that fit the form; one that does not hides no other. */
function parseItems<T>(form: z.ZodType<T>, reply: unknown): T[] {
  if (!Array.isArray(reply)) return [];
  return reply.slice(0, MOST_ITEMS).flatMap((item: unknown) => {
    const parsed = form.safeParse(item);
    return parsed.success ? [parsed.data] : [];
  });
}
