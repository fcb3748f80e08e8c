import { z } from 'zod';
import { base64, fields, notYet } from '../schema.ts';

/** KubeVirt's `CloudInitNoCloudSource`. */
export const cloudInitNoCloud = fields(
  {
    userData: z.string().optional(),
    userDataBase64: base64.optional(),
    networkData: z.string().optional(),
    networkDataBase64: base64.optional(),
  },
  notYet('networkDataSecretRef', 'secretRef'),
).superRefine((value, context) => {
  for (const name of ['userData', 'networkData'] as const) {
    if (value[name] === undefined || value[`${name}Base64`] === undefined) continue;
    const path = [`${name}Base64`];
    context.addIssue({ code: 'custom', path, message: `must not be given together with ${name}` });
  }
  if (Object.keys(value).length > 0) return;
  context.addIssue({
    code: 'custom',
    message: 'must have userData, userDataBase64, networkData or networkDataBase64',
  });
});
