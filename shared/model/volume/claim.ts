import { z } from 'zod';
import { dnsSubdomain, fields } from '../schema.ts';

/** Volumes that name a claim: a data volume, or what the box's setting `claims` puts in its place. */

const claimName = dnsSubdomain.meta({
  description: "The data volume of that name, or what the box's setting claims has for NAMESPACE/NAME",
});
const readOnly = z.boolean().meta({ description: 'Whether the guest can only read it' });
const hotpluggable = z
  .boolean()
  .meta({ description: 'Whether it may be added to and taken from a running machine' });

/** KubeVirt's `PersistentVolumeClaimVolumeSource`. */
export const persistentVolumeClaim = fields({
  claimName,
  readOnly: readOnly.optional(),
  hotpluggable: hotpluggable.optional(),
});

/** KubeVirt's `DataVolumeSource`. */
export const dataVolumeSource = fields({
  name: dnsSubdomain.meta({ description: 'The data volume: of the templates, or an object of its own' }),
  hotpluggable: hotpluggable.optional(),
});

/** KubeVirt's `EphemeralVolumeSource`. */
export const ephemeral = fields({
  persistentVolumeClaim: fields({ claimName, readOnly: readOnly.optional() }).meta({
    description: 'What is underneath; it is never written to',
  }),
});
