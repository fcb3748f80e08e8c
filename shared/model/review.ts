import { z } from 'zod';
import type { KindDefinition } from './kind.ts';
import { defineKind } from './kind.ts';
import { objectMeta } from './metadata.ts';
import { fields } from './schema.ts';

/**
 * Kubernetes' reviews: questions that are asked by creating an object and answered by its status. Nothing is kept.
 * `kubectl auth whoami` and `kubectl auth can-i` ask them.
 */

const common = {
  versions: ['v1'] as const,
  namespaced: false,
  statusSubresource: false,
  columns: [],
  metadata: objectMeta.partial().optional() as unknown as typeof objectMeta,
  verbs: { only: ['create'] as const, why: 'a review is created, answered and not kept' },
};

const extra = z.record(z.string(), z.array(z.string()));

export const selfSubjectReviewKind: KindDefinition = defineKind({
  ...common,
  group: 'authentication.k8s.io',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  shape: {
    status: fields({
      userInfo: fields({
        username: z.string().optional().meta({ description: 'Who the hub takes the asker for' }),
        uid: z.string().optional().meta({ description: 'Tells users of one name apart' }),
        groups: z.array(z.string()).optional().meta({ description: 'Groups that the user is in' }),
        extra: extra.optional().meta({ description: 'What else is known of the user' }),
      }).optional(),
    })
      .optional()
      .meta({ description: 'The answer' }),
  },
});

const text = z.string().optional();
const selector = fields({
  rawSelector: text,
  requirements: z.array(z.record(z.string(), z.unknown())).optional(),
}).optional();

const accessReviewSpec = fields({
  resourceAttributes: fields({
    namespace: text,
    verb: text,
    group: text,
    version: text,
    resource: text,
    subresource: text,
    name: text,
    fieldSelector: selector,
    labelSelector: selector,
  })
    .optional()
    .meta({ description: 'What would be done to objects' }),
  nonResourceAttributes: fields({ path: text, verb: text })
    .optional()
    .meta({ description: 'What would be asked beside objects' }),
});

export const selfSubjectAccessReviewKind: KindDefinition = defineKind({
  ...common,
  group: 'authorization.k8s.io',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  shape: {
    spec: accessReviewSpec.meta({ description: 'What the asker would do' }),
    status: fields({
      allowed: z.boolean().optional().meta({ description: 'Whether the hub would let it be done' }),
      denied: z.boolean().optional(),
      reason: text,
      evaluationError: text,
    })
      .optional()
      .meta({ description: 'The answer' }),
  },
});

const rule = {
  verbs: z.array(z.string()).optional(),
  resourceNames: z.array(z.string()).optional(),
};

export const selfSubjectRulesReviewKind: KindDefinition = defineKind({
  ...common,
  group: 'authorization.k8s.io',
  kind: 'SelfSubjectRulesReview',
  plural: 'selfsubjectrulesreviews',
  shape: {
    spec: fields({ namespace: text }).optional().meta({ description: 'Where it would be done' }),
    status: fields({
      resourceRules: z
        .array(
          fields({
            ...rule,
            apiGroups: z.array(z.string()).optional(),
            resources: z.array(z.string()).optional(),
          }),
        )
        .optional(),
      nonResourceRules: z
        .array(fields({ ...rule, nonResourceURLs: z.array(z.string()).optional() }))
        .optional(),
      incomplete: z.boolean().optional(),
      evaluationError: text,
    })
      .optional()
      .meta({ description: 'The answer' }),
  },
});
