import type { z } from 'zod';
import { dnsLabel, fields, notYet } from './schema.ts';

/** KubeVirt's `Network`: what an interface is connected to. */
export const network = fields(
  { name: dnsLabel, pod: fields({}, notYet('vmIPv6NetworkCIDR', 'vmNetworkCIDR')).optional() },
  notYet('multus', 'resourceClaim'),
).superRefine((value, context) => {
  if (value.pod !== undefined) return;
  const params = { reason: 'FieldValueRequired' };
  context.addIssue({
    code: 'custom',
    path: ['pod'],
    params,
    message: 'is required: the one network supported',
  });
});
export type Network = z.infer<typeof network>;
