import { z } from 'zod';
import { refuseAnnotations, refuseReservedLabels } from './annotations.ts';
import {
  asOneValue,
  asSet,
  dnsLabel,
  dnsSubdomain,
  fields,
  keyedBy,
  meaningless,
  timestamp,
} from './schema.ts';

/** Kubernetes' `ObjectMeta` (meta/v1), with the rules of its validation. */

const QUALIFIED_NAME = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

const qualifiedName = z.string().regex(QUALIFIED_NAME, 'must be a qualified name: [prefix/]name');

export const labels = z.record(
  qualifiedName,
  z.string().regex(LABEL_VALUE, 'must be at most 63 letters, digits, "-", "_" or "."'),
);

export const annotations = z.record(qualifiedName, z.string());

export const ownerReference = asOneValue(
  fields({
    apiVersion: z.string(),
    kind: z.string(),
    name: z.string(),
    uid: z.string(),
    controller: z.boolean().optional(),
    blockOwnerDeletion: z.boolean().optional(),
  }),
);

/** Finalizers of an object that is to go after what it owns, and of one whose dependents are to be let go first. */
export const FOREGROUND_FINALIZER = 'foregroundDeletion';
export const ORPHAN_FINALIZER = 'orphan';
export const GARBAGE_FINALIZERS: readonly string[] = [FOREGROUND_FINALIZER, ORPHAN_FINALIZER];

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
  finalizers: asSet(z.array(qualifiedName)).nullish(),
  ownerReferences: keyedBy(['uid'], z.array(ownerReference)).nullish(),
  managedFields: z.array(z.unknown()).nullish(),
  selfLink: z.string().optional(),
});
export type ObjectMeta = z.infer<typeof objectMeta>;

const OF_THE_OWNER = 'what is made from a template gets it from its owner';
const SET_BY_THE_HUB = 'the hub sets it on what is made from a template: leave it out';

/** Metadata of a template, of which only labels and annotations mean anything. */
export const templateMeta = fields(
  {
    name: meaningless(dnsSubdomain.meta({ description: 'Its name' }), OF_THE_OWNER).optional(),
    namespace: meaningless(dnsLabel.meta({ description: 'Its namespace' }), OF_THE_OWNER).optional(),
    generateName: meaningless(
      z.string().meta({ description: 'What its name begins with' }),
      OF_THE_OWNER,
    ).optional(),
    creationTimestamp: meaningless(
      timestamp.meta({ description: 'When it was made' }),
      'the hub sets it',
    ).nullish(),
    labels: labels
      .superRefine(refuseReservedLabels)
      .meta({ description: 'Labels of what is made from the template' })
      .nullish(),
    annotations: annotations
      .superRefine(refuseAnnotations)
      .meta({ description: 'Annotations of what is made from the template' })
      .nullish(),
  },
  {
    deletionGracePeriodSeconds: SET_BY_THE_HUB,
    deletionTimestamp: SET_BY_THE_HUB,
    finalizers: 'what is made from a template is deleted with its owner: put them on the owner',
    generation: SET_BY_THE_HUB,
    managedFields: SET_BY_THE_HUB,
    ownerReferences: SET_BY_THE_HUB,
    resourceVersion: SET_BY_THE_HUB,
    selfLink: SET_BY_THE_HUB,
    uid: SET_BY_THE_HUB,
  },
);

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
