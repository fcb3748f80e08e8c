import { z } from 'zod';
import type { KindDefinition } from './kind.ts';
import { defineKind } from './kind.ts';
import { fields, timestamp } from './schema.ts';

/** Where Kubernetes keeps the leases of nodes. */
export const NODE_LEASE_NAMESPACE = 'kube-node-lease';

/**
 * Kubernetes' coordination.k8s.io/v1 `Lease`: clients that elect a leader among themselves keep theirs here. Those in
 * `kube-node-lease` are one for each device, and tell when it was last heard. That changes all the time, so it lives
 * beside the device's object, which then changes only where the device does.
 */
export const leaseKind: KindDefinition = defineKind({
  group: 'coordination.k8s.io',
  versions: ['v1'],
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
  statusSubresource: false,
  columns: [
    { name: 'Holder', type: 'string', jsonPath: '.spec.holderIdentity', description: 'Who has it' },
    {
      name: 'Age',
      type: 'date',
      jsonPath: '.metadata.creationTimestamp',
      description: 'Time since it was made; of a device, since it first connected',
    },
  ],
  shape: {
    spec: fields({
      holderIdentity: z.string().meta({ description: 'Who has it: a client, or a device' }).nullish(),
      leaseDurationSeconds: z
        .int()
        .positive()
        .meta({ description: 'How long after renewTime others have to wait before they take it' })
        .nullish(),
      acquireTime: timestamp.meta({ description: 'Since when its holder has it' }).nullish(),
      renewTime: timestamp
        .meta({ description: 'When it was last renewed, or its device last heard' })
        .nullish(),
      leaseTransitions: z.int().min(0).meta({ description: 'How often it went to another holder' }).nullish(),
      strategy: z.string().meta({ description: 'How its holder is chosen, of several candidates' }).nullish(),
      preferredHolder: z.string().meta({ description: 'Who is to have it next' }).nullish(),
    }).optional(),
  },
});

/**
 * Kubernetes' metrics.k8s.io/v1beta1 `NodeMetrics`: what a device last told of its use, for `kubectl top nodes`. As CPU
 * it has the mean over 15 minutes of the processes that ran or waited to, which is what boxes tell.
 */
export const nodeMetricsKind: KindDefinition = defineKind({
  group: 'metrics.k8s.io',
  versions: ['v1beta1'],
  kind: 'NodeMetrics',
  plural: 'nodes',
  namespaced: false,
  statusSubresource: false,
  verbs: { only: ['get', 'list'], why: 'metrics are what devices tell, and are not kept as objects' },
  columns: [
    { name: 'CPU', type: 'string', jsonPath: '.usage.cpu', description: 'Processes that ran or waited to' },
    { name: 'Memory', type: 'string', jsonPath: '.usage.memory', description: 'Memory in use' },
    { name: 'Window', type: 'string', jsonPath: '.window', description: 'Over how long' },
  ],
  shape: {
    timestamp: z.string().meta({ description: 'When the device was last heard' }),
    window: z.string().meta({ description: 'Over how long the mean is' }),
    usage: z
      .record(z.string(), z.string())
      .meta({ description: 'What is in use of cpu, memory and ephemeral-storage' }),
  },
});
