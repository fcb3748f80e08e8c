import { z } from 'zod';
import { parseImageReference } from '../../base/image-reference.ts';
import { fields, printable } from '../schema.ts';

/** Where in a container image a file is: a path from its root that does not climb. */
export const pathInImage = printable
  .min(1)
  .max(1024)
  .refine((path) => !path.split('/').includes('..'), 'must not have ".." in it');

/** A container image's name, as Docker and containerd read it. */
export const imageReference = printable.refine(
  (text) => parseImageReference(text) !== undefined,
  'must be an image of a registry, such as registry.example:5000/disks/debian:12 (no "docker://" before it)',
);

/** When an image that is kept on the box is asked for again; `Always` starts offline from the one that is kept. */
export const imagePullPolicy = z.enum(['Always', 'IfNotPresent', 'Never']).meta({
  description: 'When the registry is asked; default Always for :latest or no tag, else IfNotPresent',
});

export const imagePullSecret = printable
  .min(1)
  .max(253)
  .meta({ description: 'Secret of type kubernetes.io/dockerconfigjson with what the registry asks for' });

/** KubeVirt's `ContainerDiskSource`: a disk from a container image; what the guest writes is gone at the next start. */
export const containerDisk = fields({
  image: imageReference.meta({
    description: 'The container image that has the disk, as HOST/REPOSITORY:TAG',
  }),
  imagePullPolicy: imagePullPolicy.optional(),
  imagePullSecret: imagePullSecret.optional(),
  path: pathInImage
    .meta({ description: "The disk's file in the image; default the only one under /disk" })
    .optional(),
});
export type ContainerDisk = z.infer<typeof containerDisk>;
