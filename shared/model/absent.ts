import { z } from 'zod';
import type { KindDefinition, PrinterColumn } from './kind.ts';
import { defineKind } from './kind.ts';
import { fields } from './schema.ts';

/**
 * Kinds of a cluster that there are none of here, ever, and which clients look for all the same: `kubectl describe
 * node` lists a node's pods and fails where nobody knows what pods are, `kubectl cluster-info` lists services.
 */

const common = {
  group: '',
  versions: ['v1'] as const,
  namespaced: true,
  statusSubresource: false,
};
const text = z.string().optional();
const only = ['get', 'list', 'watch'] as const;
const AGE: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since it was created',
};

export const podKind: KindDefinition = defineKind({
  ...common,
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  shape: {
    spec: fields({ nodeName: text }).optional(),
    status: fields({ phase: text }).optional(),
  },
  verbs: { only, why: 'there are no pods: what runs is virtualmachineinstances.kubevirt.io' },
  columns: [
    { name: 'Status', type: 'string', jsonPath: '.status.phase', description: 'There are no pods here' },
    AGE,
  ],
});

export const serviceKind: KindDefinition = defineKind({
  ...common,
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  shape: { spec: fields({ type: text }).optional() },
  verbs: { only, why: "there are no services: a machine's ports are forwarded by its interfaces" },
  columns: [
    { name: 'Type', type: 'string', jsonPath: '.spec.type', description: 'There are no services here' },
    AGE,
  ],
});
