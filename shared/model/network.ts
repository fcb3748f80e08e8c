import { z } from 'zod';
import { parseCidr } from '../base/cidr.ts';
import { dnsLabel, dnsSubdomain, fields } from './schema.ts';

/** For the gateway, the machine and a name server, beside the first and last address. */
const LONGEST_PREFIX = 29;

const podCidr = z.string().superRefine((value, context) => {
  const cidr = parseCidr(value);
  if (cidr?.version === 4 && cidr.prefix >= 8 && cidr.prefix <= LONGEST_PREFIX) return;
  const message = `must be an IPv4 network such as 10.0.2.0/24, of /8 to /${LONGEST_PREFIX}`;
  context.addIssue({ code: 'custom', message });
});

const podCidr6 = z.string().superRefine((value, context) => {
  const cidr = parseCidr(value);
  if (cidr?.version === 6 && cidr.prefix >= 16 && cidr.prefix <= 126) return;
  context.addIssue({
    code: 'custom',
    message: 'must be an IPv6 network such as fd10:0:2::/64, of /16 to /126',
  });
});

/** KubeVirt's `PodNetwork`. */
const pod = fields({
  vmNetworkCIDR: podCidr
    .meta({
      description: 'Addresses under masquerade, 10.0.2.0/24 by default: .1 is the gateway, .2 the machine',
    })
    .optional(),
  vmIPv6NetworkCIDR: podCidr6
    .meta({
      description: 'The same for IPv6, fd10:0:2::/64 by default; one longer than /64 is taken for its /64',
    })
    .optional(),
});

/** KubeVirt's `MultusNetwork`. */
const multus = fields({
  networkName: z
    .string()
    .refine((name) => {
      const parts = name.split('/');
      return parts.length <= 2 && parts.every((part) => dnsSubdomain.safeParse(part).success);
    }, 'must be the name of a NetworkAttachmentDefinition, or NAMESPACE/NAME')
    .meta({ description: 'The NetworkAttachmentDefinition, as NAME or NAMESPACE/NAME' }),
  default: z
    .boolean()
    .meta({ description: 'Whether it stands in for the pod network, which the machine then has none of' })
    .optional(),
});

/** KubeVirt's `Network`: what an interface is connected to. */
export const network = fields(
  {
    name: dnsLabel.meta({ description: 'Its name within the machine' }),
    pod: pod.meta({ description: "The box's own network" }).optional(),
    multus: multus
      .meta({ description: 'A bridge of the box that a NetworkAttachmentDefinition names' })
      .optional(),
  },
  {
    resourceClaim:
      'nothing here hands out devices by claim: use multus for a bridge, or spec.domain.devices.hostDevices for a card',
  },
).superRefine((value, context) => {
  if (value.pod !== undefined && value.multus !== undefined)
    context.addIssue({ code: 'custom', path: ['multus'], message: 'must not be given together with pod' });
  if (value.pod !== undefined || value.multus !== undefined) return;
  const params = { reason: 'FieldValueRequired' };
  context.addIssue({ code: 'custom', path: ['pod'], params, message: 'is required, or multus' });
});
export type Network = z.infer<typeof network>;
