import { virtualMachineKind } from '../../../shared/model/virtual-machine.ts';
import { expandTemplate } from '../../machines/expand.ts';
import { readProfile } from '../../resolve/read-profile.ts';
import { jsonReply } from '../answer.ts';
import { invalid } from '../errors.ts';
import type { Subresource } from './subresource.ts';
import { findVirtualMachine } from './machine-target.ts';

/** KubeVirt's `expand-spec`: a machine as it would be written without its instancetype and its preference. */
export const expandSpec: Subresource = {
  group: 'subresources.kubevirt.io',
  versions: ['v1', 'v1alpha3'],
  kind: virtualMachineKind,
  name: 'expand-spec',
  verb: 'get',
  responseKind: 'VirtualMachine',
  serve: ({ store }, target) =>
    store.transaction(async (tables) => {
      const machine = await findVirtualMachine(tables, target);
      const read = await readProfile(tables, machine);
      if (!read.ok) throw invalid(virtualMachineKind, target.name, read.causes);
      const { instancetype, preference, ...spec } = machine.spec;
      const { template } = spec;
      const annotations = template.metadata?.annotations ?? {};
      const expanded = expandTemplate({ spec: template.spec, annotations }, read.profile);
      if (!expanded.ok) throw invalid(virtualMachineKind, target.name, expanded.causes);
      const metadata = { ...template.metadata, annotations: expanded.template.annotations };
      const filled = { ...template, metadata, spec: expanded.template.spec };
      return jsonReply({ ...machine, spec: { ...spec, template: filled } });
    }),
};
