import type { KindDefinition, ResourceObject } from '../../../shared/model/kind.ts';
import { groupKindOf } from '../../../shared/model/kind.ts';
import type { VirtualMachineInstance } from '../../../shared/model/virtual-machine-instance.ts';
import { virtualMachineInstanceKind } from '../../../shared/model/virtual-machine-instance.ts';
import type { VirtualMachine } from '../../../shared/model/virtual-machine.ts';
import { virtualMachineKind } from '../../../shared/model/virtual-machine.ts';
import type { InstanceSpec } from '../../machines/change-volumes.ts';
import { isOwned } from '../../machines/instance.ts';
import type { Tables } from '../../ports.ts';
import { jsonReply } from '../answer.ts';
import type { ApiRequest } from '../context.ts';
import type { Draft } from '../write/draft.ts';
import { badRequest, conflict, notFound, success } from '../errors.ts';
import type { Subresource, Target } from './subresource.ts';
import { replace } from '../write/update.ts';
import { isRunning } from './machine-target.ts';
import type { VolumeRequest } from './volume-options.ts';
import { parseAddVolume, parseRemoveVolume } from './volume-options.ts';

/**
 * KubeVirt's `addvolume` and `removevolume`, as PUT like `virtctl`'s. Both change the machine's own spec and so need no
 * link: its device makes the change while the guest runs, and the next start has it too.
 */
export const addVolumeToMachine = changeVolumes(virtualMachineKind, 'addvolume', parseAddVolume);
export const removeVolumeFromMachine = changeVolumes(virtualMachineKind, 'removevolume', parseRemoveVolume);
export const addVolumeToInstance = changeVolumes(virtualMachineInstanceKind, 'addvolume', parseAddVolume);
export const removeVolumeFromInstance = changeVolumes(
  virtualMachineInstanceKind,
  'removevolume',
  parseRemoveVolume,
);

function changeVolumes(
  kind: KindDefinition,
  name: string,
  parse: (request: ApiRequest) => VolumeRequest,
): Subresource {
  return {
    group: 'subresources.kubevirt.io',
    versions: ['v1', 'v1alpha3'],
    kind,
    name,
    verb: 'update',
    responseKind: 'Status',
    async serve(context, target, request) {
      const { dryRun, change } = parse(request);
      const uid = await context.store.transaction(async (tables) => {
        const current = await find(tables, kind, target);
        const changed = change(instanceSpecOf(current));
        if ('why' in changed) throw conflict(kind, target.name, changed.why);
        const draft = withInstanceSpec(current, changed.spec);
        const path = { kind, version: 'v1', ...target, status: false };
        await replace(context, tables, path, { current, draft, dryRun });
        return current.metadata.uid ?? '';
      });
      const { group, plural } = kind;
      return jsonReply({ ...success({ name: target.name, group, kind: plural, uid }), code: 202 }, 202);
    },
  };
}

/** @throws ApiError 404, and 400 or 409 for an instance that is not its own or does not run */
async function find(tables: Tables, kind: KindDefinition, target: Target): Promise<ResourceObject> {
  const { namespace, name } = target;
  const object = await tables.objects.get({ kind: groupKindOf(kind), namespace, name });
  if (object === undefined) throw notFound(kind, name);
  if (kind === virtualMachineKind) return object;
  // What it runs by is its machine's spec: a change of the one alone would not last.
  if (isOwned(object as unknown as VirtualMachineInstance))
    throw badRequest(`VMI ${namespace}/${name} is owned by a VM: ask for it of virtualmachines/${name}`);
  const row = await tables.machines.get(object.metadata.uid ?? '');
  if (row === undefined || !isRunning(row)) throw conflict(kind, name, 'VMI is not running');
  return object;
}

function instanceSpecOf(object: ResourceObject): InstanceSpec {
  return object.kind === virtualMachineKind.kind
    ? (object as unknown as VirtualMachine).spec.template.spec
    : (object as unknown as VirtualMachineInstance).spec;
}

function withInstanceSpec(object: ResourceObject, instanceSpec: object): Draft {
  const draft = { ...object, metadata: { ...object.metadata } };
  if (object.kind !== virtualMachineKind.kind) return { ...draft, spec: instanceSpec };
  const { spec } = object as unknown as VirtualMachine;
  return { ...draft, spec: { ...spec, template: { ...spec.template, spec: instanceSpec } } };
}
