import { z } from 'zod';
import { fields, notYet, positiveQuantity, quantity } from '../schema.ts';

/** KubeVirt's `Memory`. */
export const memory = fields(
  { guest: positiveQuantity.optional() },
  notYet('hugepages', 'maxGuest', 'reservedOverhead'),
);
export type Memory = z.infer<typeof memory>;

const resourceList = fields({ memory: positiveQuantity.optional(), cpu: quantity.optional() });

/** KubeVirt's `ResourceRequirements`. */
export const resources = fields({
  requests: resourceList.optional(),
  limits: resourceList.optional(),
  overcommitGuestOverhead: z
    .boolean()
    .meta({ description: "QEMU's own memory is not counted when a box is asked whether it has room." })
    .optional(),
});
export type Resources = z.infer<typeof resources>;
