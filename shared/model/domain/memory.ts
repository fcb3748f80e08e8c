import type { z } from 'zod';
import { fields, notYet, positiveQuantity, quantity } from '../schema.ts';

/** KubeVirt's `Memory`. */
export const memory = fields(
  { guest: positiveQuantity.optional(), maxGuest: positiveQuantity.optional() },
  notYet('hugepages', 'reservedOverhead'),
);
export type Memory = z.infer<typeof memory>;

const resourceList = fields({ memory: positiveQuantity.optional(), cpu: quantity.optional() });

/** KubeVirt's `ResourceRequirements`. */
export const resources = fields(
  { requests: resourceList.optional(), limits: resourceList.optional() },
  notYet('overcommitGuestOverhead'),
);
export type Resources = z.infer<typeof resources>;
