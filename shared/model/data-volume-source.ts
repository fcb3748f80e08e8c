import { z } from 'zod';
import { parseImageReference } from '../base/image-reference.ts';
import { dnsLabel, dnsSubdomain, fields, meaningless, printable } from './schema.ts';

/** CDI's `DataVolumeSource`: what a data volume is filled from, once. */

const certConfigMap = dnsSubdomain.meta({
  description: "ConfigMap whose values are certificates (PEM) of who may sign the server's",
});
const secretRef = dnsSubdomain.meta({
  description: 'Secret with accessKeyId and secretKey: the user and password that the server asks for',
});

/** A header as a line; what would end the line and begin another is refused. */
const headerLine = printable.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\x20-\x7e]*$/, 'must be "Name: value"');

const http = fields({
  url: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
    .meta({ description: 'A disk image, raw or qcow2, also packed with gzip, xz or zstd' }),
  checksum: z
    .string()
    .regex(/^sha256:[0-9a-fA-F]{64}$/, 'must be "sha256:" and 64 hexadecimal digits')
    .meta({ description: 'The SHA-256 of the file as the server has it' })
    .optional(),
  certConfigMap: certConfigMap.optional(),
  extraHeaders: z
    .array(headerLine)
    .max(32)
    .meta({ description: 'Headers to send, each as "Name: value"' })
    .optional(),
  secretExtraHeaders: z
    .array(dnsSubdomain)
    .max(32)
    .meta({ description: 'Secrets whose values are further headers' })
    .optional(),
  secretRef: secretRef.optional(),
});

const REGISTRY_URL =
  'must be docker://HOST/REPOSITORY:TAG: other places (oci-archive) are files, which http can offer';

const registry = fields(
  {
    url: printable
      .refine(
        (url) =>
          url.startsWith('docker://') && parseImageReference(url.slice('docker://'.length)) !== undefined,
        REGISTRY_URL,
      )
      .meta({ description: 'A container image with a disk under /disk, as docker://HOST/REPOSITORY:TAG' }),
    secretRef: secretRef.optional(),
    certConfigMap: certConfigMap.optional(),
    pullMethod: meaningless(
      z.enum(['pod', 'node']).meta({ description: 'How a cluster would fetch the image' }),
      'the agent fetches the image',
    ).optional(),
    platform: fields({
      architecture: z
        .string()
        .regex(/^[a-z0-9]{1,32}$/, 'must be an architecture such as amd64 or arm64')
        .meta({ description: "Of the images in a list, the one for this architecture; default the box's" })
        .optional(),
    })
      .meta({ description: 'Which of the images in a list' })
      .optional(),
  },
  { imageStream: 'image streams are objects of OpenShift; give url with the image in its registry' },
);

const pvc = fields({
  name: dnsSubdomain.meta({ description: 'The data volume, or claim, that is copied' }),
  namespace: dnsLabel.meta({ description: "Its namespace: the data volume's own" }).optional(),
});

const SOURCES = {
  http: http.meta({ description: 'A disk image on a web server' }).optional(),
  registry: registry.meta({ ...registry.meta(), description: 'A disk in a container image' }).optional(),
  blank: fields({}).meta({ description: 'An empty disk' }).optional(),
  pvc: pvc.meta({ description: 'A copy of a disk that is on the same box' }).optional(),
  upload: fields({})
    .meta({ description: 'Filled on the box with "holdfast image upload NAMESPACE/NAME FILE"' })
    .optional(),
};

export const dataVolumeSource = fields(SOURCES, {
  s3: 'S3 needs signed requests; give a presigned URL of the object as http.url',
  gcs: 'Google Cloud Storage needs its own sign-in; give a signed URL of the object as http.url',
  imageio: 'oVirt image transfers are not spoken; export the disk and offer the file as http.url',
  vddk: "VMware's VDDK is not free to ship; convert the disk with qemu-img and offer it as http.url",
  snapshot: 'there are no volume snapshots on a box; copy the disk itself with pvc',
}).superRefine((value, context) => {
  if (Object.keys(value).length === 1) return;
  const known = Object.keys(SOURCES).join(', ');
  context.addIssue({ code: 'custom', message: `must name exactly one source of: ${known}` });
});
export type DataVolumeSource = z.infer<typeof dataVolumeSource>;
