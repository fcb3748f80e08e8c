import { z } from 'zod';
import { dnsSubdomain, fields, meaningless } from '../schema.ts';

/** Volumes that show the guest files on a read-only ISO 9660 disk, made at each start. */

const optional = z
  .boolean()
  .meta({ description: 'Whether the machine starts without it, with an empty disk, where it is missing' });

/** A volume descriptor (ECMA-119, 8.4.7) has 32 characters for it. */
const volumeLabel = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,32}$/, 'must be 1 to 32 letters, digits, "_", "." or "-"')
  .meta({ description: 'The label of the disk, by which the guest finds it (cfgdata unless given)' });

const reference = (what: string) =>
  fields({ name: dnsSubdomain.meta({ description: `The name of the ${what}` }) });

/** KubeVirt's `ConfigMapVolumeSource`. */
export const configMapVolume = fields({
  name: dnsSubdomain.meta({ description: 'The ConfigMap; each of its keys becomes a file' }),
  optional: optional.optional(),
  volumeLabel: volumeLabel.optional(),
});

/** KubeVirt's `SecretVolumeSource`. */
export const secretVolume = fields({
  secretName: dnsSubdomain.meta({ description: 'The Secret; each of its keys becomes a file' }),
  optional: optional.optional(),
  volumeLabel: volumeLabel.optional(),
});

/** KubeVirt's `SysprepSource`. */
export const sysprep = fields({
  configMap: reference('ConfigMap')
    .meta({ description: 'A ConfigMap with autounattend.xml or unattend.xml' })
    .optional(),
  secret: reference('Secret')
    .meta({ description: 'A Secret with autounattend.xml or unattend.xml' })
    .optional(),
}).superRefine(({ configMap, secret }, context) => {
  if ((configMap === undefined) !== (secret === undefined)) return;
  context.addIssue({ code: 'custom', message: 'must have exactly one of configMap and secret' });
});

const FIELD_PATH = /^metadata\.(?:name|namespace|uid|labels|annotations|(?:labels|annotations)\['[^']+'\])$/;

const downwardFile = fields(
  {
    path: z
      .string()
      .max(200)
      .regex(
        /^(?:(?!\.{1,2}(?:\/|$))[A-Za-z0-9_.-]+(?:\/(?!$)|$))+$/,
        'must be a relative path of a file, without "." and ".."',
      )
      .meta({ description: 'The file, relative to the disk' }),
    fieldRef: fields({
      apiVersion: meaningless(
        z.string().meta({ description: 'The version that the field is of' }),
        'there is one version of the fields',
      ).optional(),
      fieldPath: z
        .string()
        .regex(
          FIELD_PATH,
          "must be metadata.name, .namespace, .uid, .labels, .annotations, .labels['KEY'] or .annotations['KEY']",
        )
        .meta({ description: "What of the machine's metadata it holds" }),
    }).meta({ description: 'A field of the machine' }),
    mode: meaningless(
      z.int().min(0).max(0o777).meta({ description: "The file's permissions" }),
      'the disk is read-only, and files on it belong to root',
    ).optional(),
  },
  { resourceFieldRef: 'a machine is no container with requests; use fieldRef, or a configMap volume' },
);

/** KubeVirt's `DownwardAPIVolumeSource`. */
export const downwardApi = fields({
  fields: z.array(downwardFile).meta({ description: 'The files' }).optional(),
  volumeLabel: volumeLabel.optional(),
}).superRefine(({ fields: files = [] }, context) => {
  const paths = files.map(({ path }) => path);
  for (const [index, path] of paths.entries()) {
    const clash = paths.find((other, at) => (at < index && other === path) || other.startsWith(`${path}/`));
    if (clash === undefined) continue;
    const message = `"${path}" is used twice, or is also a folder`;
    context.addIssue({ code: 'custom', path: ['fields', index, 'path'], message });
  }
});
