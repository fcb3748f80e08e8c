import { z } from 'zod';
import { dnsLabel, dnsSubdomain, fields, timestamp } from './schema.ts';

/** Kubernetes' `ObjectMeta` (meta/v1), with the rules of its validation. */

const QUALIFIED_NAME = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

const qualifiedName = z.string().regex(QUALIFIED_NAME, 'must be a qualified name: [prefix/]name');

export const labels = z.record(
  qualifiedName,
  z.string().regex(LABEL_VALUE, 'must be at most 63 letters, digits, "-", "_" or "."'),
);

export const annotations = z.record(qualifiedName, z.string());

export const ownerReference = fields({
  apiVersion: z.string(),
  kind: z.string(),
  name: z.string(),
  uid: z.string(),
  controller: z.boolean().optional(),
  blockOwnerDeletion: z.boolean().optional(),
});

export const objectMeta = fields({
  name: dnsSubdomain,
  generateName: z.string().optional(),
  namespace: dnsLabel.optional(),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
  generation: z.int().optional(),
  creationTimestamp: timestamp.nullish(),
  deletionTimestamp: timestamp.nullish(),
  deletionGracePeriodSeconds: z.int().nullish(),
  labels: labels.nullish(),
  annotations: annotations.nullish(),
  finalizers: z.array(qualifiedName).nullish(),
  ownerReferences: z.array(ownerReference).nullish(),
  managedFields: z.array(z.unknown()).nullish(),
  selfLink: z.string().optional(),
});
export type ObjectMeta = z.infer<typeof objectMeta>;

/** Metadata of a template, of which only labels, annotations and a name mean anything. */
export const templateMeta = fields({
  name: dnsSubdomain.optional(),
  namespace: dnsLabel.optional(),
  generateName: z.string().optional(),
  creationTimestamp: timestamp.nullish(),
  labels: labels.nullish(),
  annotations: annotations.nullish(),
});

/** Kubernetes' `Condition` with the two fields that KubeVirt keeps of an older form. */
export const condition = fields({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string().optional(),
  message: z.string().optional(),
  lastTransitionTime: timestamp.nullish(),
  lastProbeTime: timestamp.nullish(),
  observedGeneration: z.int().optional(),
});
export type Condition = z.infer<typeof condition>;
