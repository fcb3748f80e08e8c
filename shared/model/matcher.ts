import { z } from 'zod';
import { dnsSubdomain, fields } from './schema.ts';

/** How a VirtualMachine names its instancetype and its preference (KubeVirt's `InstancetypeMatcher`). */

const INFER = 'nothing is known here of what an image is made for: name the one to use';
const REFUSED = { inferFromVolume: INFER, inferFromVolumeFailurePolicy: INFER };

/** A kind of either scope, in whatever case and number it is written, as KubeVirt takes it. */
function kindOf(kind: 'Instancetype' | 'Preference') {
  const forms = [`VirtualMachine${kind}`, `VirtualMachineCluster${kind}`];
  const taken = forms.flatMap((form) => [form.toLowerCase(), `${form.toLowerCase()}s`]);
  return z
    .string()
    .refine((given) => taken.includes(given.toLowerCase()), `must be ${forms.join(' or ')}`)
    .meta({ description: `${forms.join(' or ')}; the latter unless given` });
}

const name = dnsSubdomain.meta({ description: 'Its name' });
const revisionName = dnsSubdomain.meta({
  description: 'A ControllerRevision that holds a copy of it, to be used in place of what it is now',
});

export const instancetypeMatcher = fields(
  { kind: kindOf('Instancetype').optional(), name, revisionName: revisionName.optional() },
  REFUSED,
);
export const preferenceMatcher = fields(
  { kind: kindOf('Preference').optional(), name, revisionName: revisionName.optional() },
  REFUSED,
);
export type Matcher = z.infer<typeof instancetypeMatcher>;

/** KubeVirt's `InstancetypeStatusRef`: what a machine goes by, and the copy of it that was kept when it first did. */
export const profileStatus = fields(
  {
    kind: z.string().optional(),
    name: z.string().optional(),
    controllerRevisionRef: fields({ name: z.string().optional() }).optional(),
  },
  REFUSED,
);
export type ProfileStatus = z.infer<typeof profileStatus>;

/** Whether a matcher names the kind of the whole hub rather than that of the machine's own namespace. */
export function isClusterWide({ kind = 'cluster' }: Matcher): boolean {
  return kind.toLowerCase().includes('cluster');
}
