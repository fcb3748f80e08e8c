import { z } from 'zod';
import { asSet, dnsSubdomain, fields } from './schema.ts';

/** KubeVirt's `AccessCredential`: who may log in to the guest, from Secrets. */

const source = fields({
  secret: fields({ secretName: dnsSubdomain.meta({ description: 'The name of the Secret' }) }).meta({
    description: 'A Secret of the namespace',
  }),
});

/** A user of the guest becomes an argument of programs there. */
const user = z
  .string()
  .max(256)
  .regex(/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/, "must be the name of a guest's user");

const sshPropagation = fields({
  noCloud: fields({})
    .meta({ description: "Through the machine's cloudInitNoCloud volume, at its first start" })
    .optional(),
  configDrive: fields({})
    .meta({ description: "Through the machine's cloudInitConfigDrive volume, at its first start" })
    .optional(),
  qemuGuestAgent: fields({
    users: asSet(z.array(user).min(1)).meta({ description: "The guest's users who get the keys" }),
  })
    .meta({ description: 'Through the guest agent, while the machine runs' })
    .optional(),
}).superRefine((value, context) => {
  if (Object.keys(value).length === 1) return;
  context.addIssue({
    code: 'custom',
    message: 'must have exactly one of noCloud, configDrive and qemuGuestAgent',
  });
});

export const accessCredential = fields({
  sshPublicKey: fields({
    source: source.meta({ description: 'Where the keys are: each value of the Secret is a file of keys' }),
    propagationMethod: sshPropagation.meta({ description: 'How they get into the guest' }),
  })
    .meta({ description: 'Public keys for SSH' })
    .optional(),
  userPassword: fields({
    source: source.meta({ description: 'Where the passwords are: by user, the password' }),
    propagationMethod: fields({
      qemuGuestAgent: fields({}).meta({ description: 'Through the guest agent, while the machine runs' }),
    }).meta({ description: 'How they get into the guest' }),
  })
    .meta({ description: 'Passwords of users' })
    .optional(),
}).superRefine((value, context) => {
  if (Object.keys(value).length === 1) return;
  context.addIssue({ code: 'custom', message: 'must have exactly one of sshPublicKey and userPassword' });
});
export type AccessCredential = z.infer<typeof accessCredential>;
