import { podKind, serviceKind } from './absent.ts';
import { configMapKind } from './config-map.ts';
import { controllerRevisionKind } from './controller-revision.ts';
import { dataVolumeKind } from './data-volume-object.ts';
import { deviceKind } from './device.ts';
import { eventKind, eventsEventKind } from './event.ts';
import { clusterInstancetypeKind, instancetypeKind } from './instancetype.ts';
import type { KindDefinition } from './kind.ts';
import { leaseKind, nodeMetricsKind } from './lease.ts';
import { namespaceKind } from './namespace.ts';
import { virtualMachineInstanceReplicaSetKind } from './virtual-machine-instance-replica-set.ts';
import { networkAttachmentDefinitionKind } from './network-attachment-definition.ts';
import { clusterPreferenceKind, preferenceKind } from './preference.ts';
import { nodeKind } from './node.ts';
import { selfSubjectAccessReviewKind, selfSubjectReviewKind, selfSubjectRulesReviewKind } from './review.ts';
import { secretKind } from './secret.ts';
import { virtualMachineInstanceKind } from './virtual-machine-instance.ts';
import { virtualMachinePoolKind } from './virtual-machine-pool.ts';
import { virtualMachineKind } from './virtual-machine.ts';

/** Every kind that the hub serves. */
export const KINDS: readonly KindDefinition[] = [
  namespaceKind,
  eventKind,
  configMapKind,
  secretKind,
  nodeKind,
  podKind,
  serviceKind,
  deviceKind,
  virtualMachineKind,
  virtualMachineInstanceKind,
  virtualMachineInstanceReplicaSetKind,
  virtualMachinePoolKind,
  instancetypeKind,
  clusterInstancetypeKind,
  preferenceKind,
  clusterPreferenceKind,
  dataVolumeKind,
  networkAttachmentDefinitionKind,
  controllerRevisionKind,
  eventsEventKind,
  leaseKind,
  nodeMetricsKind,
  selfSubjectReviewKind,
  selfSubjectAccessReviewKind,
  selfSubjectRulesReviewKind,
];
