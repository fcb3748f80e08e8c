import { z } from 'zod';
import { findIdleConfig, parseCniConfig } from './cni-config.ts';
import type { KindDefinition, ResourceObject } from './kind.ts';
import { ageColumn, defineKind } from './kind.ts';
import { fields } from './schema.ts';

/** `NetworkAttachmentDefinition` (k8s.cni.cncf.io/v1), as `multus` networks of machines name it. */

const spec = fields({
  config: z
    .string()
    .meta({ description: 'Configuration of a CNI plugin, as JSON; machines use those of type bridge' })
    .optional(),
});

export interface NetworkAttachmentDefinition extends ResourceObject {
  spec?: z.infer<typeof spec>;
}

const kind = defineKind({
  group: 'k8s.cni.cncf.io',
  versions: ['v1'],
  kind: 'NetworkAttachmentDefinition',
  plural: 'network-attachment-definitions',
  shortNames: ['net-attach-def'],
  namespaced: true,
  statusSubresource: false,
  columns: [ageColumn()],
  shape: { spec: spec.optional() },
});

export const networkAttachmentDefinitionKind: KindDefinition = {
  ...kind,
  singular: 'network-attachment-definition',
  findWarnings: (object) => {
    const { config } = (object as NetworkAttachmentDefinition).spec ?? {};
    const found = config === undefined ? [] : findIdleConfig(config);
    return found.map(({ field, why }) => ({ field: `spec.config.${field}`, why }));
  },
  schema: kind.schema.superRefine((object, context) => {
    const { config } = (object as NetworkAttachmentDefinition).spec ?? {};
    // Without one it names a file on each node, where a cluster has them.
    const read = config === undefined ? undefined : parseCniConfig(config);
    if (read?.kind !== 'invalid') return;
    for (const { field, reason, message } of read.causes) {
      const path = ['spec', 'config', ...stepsOf(field)];
      context.addIssue({ code: 'custom', path, params: { reason }, message });
    }
  }),
};

/** The steps of a path that is written out: `plugins[0].vlan`. */
function stepsOf(field: string): PropertyKey[] {
  const steps = field.split(/[.[\]]+/).filter((step) => step !== '');
  return steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}
