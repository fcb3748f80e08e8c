import { z } from 'zod';
import { base64, dnsSubdomain, fields } from '../schema.ts';

/** As much as a Secret holds. */
const MOST_CHARACTERS = 2 ** 20;

const inline = z.string().max(MOST_CHARACTERS);
const encoded = base64.max(Math.ceil(MOST_CHARACTERS / 3) * 4);
const secret = fields({ name: dnsSubdomain.meta({ description: 'The name of the Secret' }) });

/** What KubeVirt's `CloudInitNoCloudSource` and `CloudInitConfigDriveSource` have in common, which is all. */
const source = fields({
  userData: inline.meta({ description: 'User data as text' }).optional(),
  userDataBase64: encoded.meta({ description: 'User data, in base64' }).optional(),
  secretRef: secret.meta({ description: 'A Secret with user data under the key userdata' }).optional(),
  networkData: inline.meta({ description: 'Network configuration as text' }).optional(),
  networkDataBase64: encoded.meta({ description: 'Network configuration, in base64' }).optional(),
  networkDataSecretRef: secret
    .meta({ description: 'A Secret with network configuration under the key networkdata' })
    .optional(),
}).superRefine((value, context) => {
  const pairs = [
    ['userData', 'userDataBase64', 'secretRef'],
    ['networkData', 'networkDataBase64', 'networkDataSecretRef'],
  ] as const;
  for (const names of pairs) {
    const [first, second] = names.filter((name) => value[name] !== undefined);
    if (first === undefined || second === undefined) continue;
    context.addIssue({
      code: 'custom',
      path: [second],
      message: `must not be given together with ${first}`,
    });
  }
  if (Object.keys(value).length > 0) return;
  context.addIssue({ code: 'custom', message: `must have one of ${pairs.flat().join(', ')}` });
});

/** KubeVirt's `CloudInitNoCloudSource`. */
export const cloudInitNoCloud = source;
/** KubeVirt's `CloudInitConfigDriveSource`. */
export const cloudInitConfigDrive = source;
export type CloudInitSource = z.infer<typeof source>;
