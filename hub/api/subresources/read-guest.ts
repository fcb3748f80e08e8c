import { z } from 'zod';
import { virtualMachineInstanceKind } from '../../../shared/model/virtual-machine-instance.ts';
import { guestOs } from '../../../shared/model/virtual-machine-instance.ts';
import { jsonReply } from '../answer.ts';
import type { ApiContext } from '../context.ts';
import { conflict } from '../errors.ts';
import type { Subresource, Target } from './subresource.ts';
import { askDevice, requireConnected } from './ask-device.ts';
import { findInstanceMachine, isRunning } from './machine-target.ts';
import { describeLast } from './order-machine.ts';

/** What a guest says of itself, asked of it now: KubeVirt's `guestosinfo`, `userlist` and `filesystemlist`. */

const DEADLINE_MS = 30_000;
const API_VERSION = 'kubevirt.io/v1';

/** What a device answers. Another version's may say more, which is passed over. */
const guest = z.object({
  agentVersion: z.string(),
  commands: z.array(z.object({ name: z.string(), enabled: z.boolean() })),
  os: guestOs,
  hostname: z.string().optional(),
  timezone: z.string().optional(),
  users: z.array(
    z.object({ userName: z.string(), domain: z.string().optional(), loginTime: z.number().optional() }),
  ),
  fileSystems: z.array(
    z.object({
      diskName: z.string(),
      mountPoint: z.string(),
      fileSystemType: z.string(),
      usedBytes: z.number(),
      totalBytes: z.number(),
      disk: z.array(z.object({ busType: z.string(), serial: z.string().optional() })),
    }),
  ),
  frozen: z.boolean(),
  load: z.object({ load1m: z.number(), load5m: z.number(), load15m: z.number() }).optional(),
});
type Guest = z.infer<typeof guest>;

export const guestOsInfo = describeGuest('guestosinfo', 'VirtualMachineInstanceGuestAgentInfo', (found) => ({
  guestAgentVersion: found.agentVersion,
  supportedCommands: found.commands,
  ...(found.hostname !== undefined && { hostname: found.hostname }),
  os: found.os,
  ...(found.timezone !== undefined && { timezone: found.timezone }),
  userList: found.users,
  fsInfo: { disks: found.fileSystems },
  ...(found.frozen && { fsFreezeStatus: 'frozen' }),
  ...(found.load !== undefined && { load: found.load }),
}));

export const userList = describeGuest('userlist', 'VirtualMachineInstanceGuestOSUserList', ({ users }) => ({
  metadata: {},
  items: users,
}));

export const fileSystemList = describeGuest(
  'filesystemlist',
  'VirtualMachineInstanceFileSystemList',
  ({ fileSystems }) => ({ metadata: {}, items: fileSystems }),
);

function describeGuest(name: string, responseKind: string, describe: (found: Guest) => object): Subresource {
  return {
    group: 'subresources.kubevirt.io',
    versions: ['v1', 'v1alpha3'],
    kind: virtualMachineInstanceKind,
    name,
    verb: 'get',
    responseKind,
    async serve(context, target) {
      const found = await askGuest(context, target);
      return jsonReply({ apiVersion: API_VERSION, kind: responseKind, ...describe(found) });
    },
  };
}

async function askGuest(context: ApiContext, target: Target): Promise<Guest> {
  const { row, device } = await findInstanceMachine(context, target);
  const instead = describeLast(row);
  requireConnected(device, instead);
  const refuse = (why: string) => conflict(virtualMachineInstanceKind, target.name, why);
  if (!isRunning(row)) throw refuse('VMI is not running');
  if (row.status?.process?.guestAgent !== true) throw refuse('VMI does not have guest agent connected');
  const body = { verb: 'read-guest', machine: row.uid } as const;
  const { content } = await askDevice(context, device, body, { deadlineMs: DEADLINE_MS, instead });
  const found = guest.safeParse(content);
  if (!found.success) throw refuse(`device ${device.name} answers what this hub can't read`);
  return found.data;
}
