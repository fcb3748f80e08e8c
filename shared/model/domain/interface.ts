import { z } from 'zod';
import { dnsLabel, fields, notYet } from '../schema.ts';

const port = fields({
  name: dnsLabel.optional(),
  port: z.int().min(1).max(65_535),
  protocol: z.enum(['TCP', 'UDP']).optional(),
});

/** KubeVirt's `Interface`: a network card of the guest, and how it is bound to its network. */
export const networkInterface = fields(
  {
    name: dnsLabel,
    masquerade: fields({}).optional(),
    model: z.enum(['virtio', 'e1000', 'e1000e', 'rtl8139']).optional(),
    macAddress: z
      .string()
      .regex(/^[0-9a-fA-F][02468aceACE]([:-][0-9a-fA-F]{2}){5}$/, 'must be a unicast MAC address')
      .optional(),
    ports: z.array(port).optional(),
  },
  notYet(
    'acpiIndex',
    'binding',
    'bootOrder',
    'bridge',
    'dhcpOptions',
    'macvtap',
    'passt',
    'passtBinding',
    'pciAddress',
    'portRanges',
    'slirp',
    'sriov',
    'state',
    'tag',
  ),
).superRefine((value, context) => {
  if (value.masquerade !== undefined) return;
  const params = { reason: 'FieldValueRequired' };
  context.addIssue({
    code: 'custom',
    path: ['masquerade'],
    params,
    message: 'is required: the one binding supported',
  });
});
export type NetworkInterface = z.infer<typeof networkInterface>;
