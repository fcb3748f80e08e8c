import { z } from 'zod';
import { parseQuantity } from '../../base/quantity.ts';
import { fields, positiveQuantity, quantity } from '../schema.ts';

const hugepages = fields({
  pageSize: z.enum(['2Mi', '1Gi']).meta({ description: '2Mi or 1Gi; the box must have set as many aside' }),
});

const reservedOverhead = fields({
  addedOverhead: quantity
    .meta({ description: "More that QEMU may use beside the guest's memory and the usual overhead" })
    .optional(),
  memLock: z
    .enum(['Required', 'NotRequired'])
    .meta({ description: "Required locks the guest's memory: none of it is ever swapped out" })
    .optional(),
});

/** KubeVirt's `Memory`. */
export const memory = fields({
  guest: positiveQuantity
    .meta({ description: 'What the guest gets; by default the memory requested, or else the limit' })
    .optional(),
  hugepages: hugepages.meta({ description: "The guest's memory is huge pages of the box" }).optional(),
  maxGuest: positiveQuantity
    .meta({ description: 'The most that the guest can be given while it runs; four times guest by default' })
    .optional(),
  reservedOverhead: reservedOverhead
    .meta({ description: 'What QEMU may use beside it, and whether it is locked' })
    .optional(),
}).superRefine(({ guest, hugepages: pages, maxGuest }, context) => {
  const refuse = (field: string, message: string) =>
    context.addIssue({ code: 'custom', path: [field], message });
  if (guest === undefined) return;
  if (maxGuest !== undefined && bytes(maxGuest) < bytes(guest))
    refuse('maxGuest', `must be at least guest, ${guest}`);
  if (pages !== undefined && bytes(guest) % bytes(pages.pageSize) !== 0)
    refuse('guest', `must be a multiple of hugepages.pageSize, ${pages.pageSize}`);
});
export type Memory = z.infer<typeof memory>;

const resourceList = fields({
  memory: positiveQuantity
    .meta({ description: "Of QEMU for the guest; where memory.guest is not given, the guest's memory" })
    .optional(),
  cpu: quantity.meta({ description: 'CPUs; where cpu says no topology, as many sockets' }).optional(),
});

/** KubeVirt's `ResourceRequirements`. */
export const resources = fields({
  requests: resourceList.meta({ description: 'What the machine needs' }).optional(),
  limits: resourceList.meta({ description: 'The most that it may use' }).optional(),
  overcommitGuestOverhead: z
    .boolean()
    .meta({
      description:
        "What QEMU needs beside the guest's memory is not counted when the box decides whether the machine fits",
    })
    .optional(),
}).superRefine(({ requests, limits }, context) => {
  for (const name of ['memory', 'cpu'] as const) {
    const [request, limit] = [requests?.[name], limits?.[name]];
    if (request === undefined || limit === undefined || bytes(limit) === 0 || bytes(request) <= bytes(limit))
      continue;
    const message = `must be at most limits.${name}, ${limit}`;
    context.addIssue({ code: 'custom', path: ['requests', name], message });
  }
});
export type Resources = z.infer<typeof resources>;

function bytes(text: string): number {
  return parseQuantity(text) ?? 0;
}
