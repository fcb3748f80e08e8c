import type { Reply } from '../answer.ts';
import { jsonReply } from '../answer.ts';
import { badRequest } from '../errors.ts';
import { compileKubevirtVersion } from '../discovery/version.ts';

/** What KubeVirt serves beside what is asked of objects here, and why some of what it has is not here. */

export const KUBEVIRT_GROUP = 'subresources.kubevirt.io';

const NO_MIGRATION = 'a machine stays on its device, where its disks are: there are no migrations';
const NO_DUMP = "a guest's memory is not dumped here";
const NO_GRAPH =
  'what a machine refers to is not drawn here: its spec names it, and its status says what of it is missing';
const NO_BACKUP =
  'disks of running machines are not backed up here: copy them within the guest, or while it is stopped';
const NO_SEV = "encrypted guests need hardware and firmware that boxes don't have";

/** By the path after the namespace, without the object's name, in the words that its client prints. */
const ABSENT: Readonly<Record<string, string>> = {
  'expand-vm-spec':
    'a machine is expanded that the hub has: create it with runStrategy Halted, and ask for its expand-spec',
  'virtualmachines/migrate': NO_MIGRATION,
  'virtualmachines/evacuate/cancel': NO_MIGRATION,
  'virtualmachineinstances/evacuate/cancel': NO_MIGRATION,
  'virtualmachines/memorydump': NO_DUMP,
  'virtualmachines/removememorydump': NO_DUMP,
  'virtualmachines/objectgraph': NO_GRAPH,
  'virtualmachineinstances/objectgraph': NO_GRAPH,
  'virtualmachineinstances/backup': NO_BACKUP,
  'virtualmachineinstances/redefine-checkpoint': NO_BACKUP,
  'virtualmachineinstances/sev/fetchcertchain': NO_SEV,
  'virtualmachineinstances/sev/querylaunchmeasurement': NO_SEV,
  'virtualmachineinstances/sev/setupsession': NO_SEV,
  'virtualmachineinstances/sev/injectlaunchsecret': NO_SEV,
  'virtualmachineinstances/vsock':
    'nothing here speaks to a guest over a VSOCK: use portforward, or the guest agent',
};

/**
 * Answers what follows the group's name in a path: its version, which `virtctl` compares with its own.
 * @throws ApiError 400 for what KubeVirt has and the hub has not, whatever it is asked of
 */
export function serveKubevirt(segments: readonly string[], version: string): Reply | undefined {
  const [, first, , plural, , ...name] = segments;
  if (first === 'version' && segments.length === 2) return jsonReply(compileKubevirtVersion(version));
  const why = first === 'namespaces' ? ABSENT[[plural, ...name].join('/')] : undefined;
  if (why !== undefined) throw badRequest(why);
  return undefined;
}
