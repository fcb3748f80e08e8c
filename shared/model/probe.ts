import { z } from 'zod';
import { fields, printable } from './schema.ts';

/** KubeVirt's `Probe`, with Kubernetes' five numbers and their defaults. */

/** A number, or the name of a port of the machine's interfaces. */
const port = z
  .union([z.int().min(1).max(65_535), z.string().regex(/^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/)], {
    error: 'must be a port from 1 to 65535, or the name of a port of an interface',
  })
  .meta({ description: 'The port: its number, or the name that an interface has for it' });
const host = z
  .string()
  .min(1)
  .max(253)
  .meta({ description: 'Asked instead of the guest, from the box' })
  .optional();
const seconds = (least: number, description: string) =>
  z.int().min(least).max(86_400).meta({ description }).optional();

const shape = {
  exec: fields({
    command: z
      .array(z.string().max(4096))
      .min(1)
      .max(64)
      .meta({ description: 'The program and its arguments; no shell reads them' }),
  })
    .meta({ description: 'A command in the guest, run by its agent: 0 is success' })
    .optional(),
  guestAgentPing: fields({}).meta({ description: "Whether the guest's agent answers" }).optional(),
  httpGet: fields({
    path: printable
      .max(2048)
      .meta({ description: 'The path that is asked for; "/" unless given' })
      .optional(),
    port,
    host,
    scheme: z
      .enum(['HTTP', 'HTTPS'])
      .meta({ description: 'HTTP unless given; certificates are not checked' })
      .optional(),
    httpHeaders: z
      .array(
        fields({
          name: printable
            .min(1)
            .max(256)
            .regex(/^[\w!#$%&'*+.^`|~-]+$/)
            .meta({ description: 'Its name' }),
          value: printable.max(4096).meta({ description: 'What it says' }),
        }),
      )
      .max(64)
      .meta({ description: 'Headers of the request' })
      .optional(),
  })
    .meta({ description: 'A request by HTTP: an answer from 200 to 399 is success' })
    .optional(),
  tcpSocket: fields({ port, host })
    .meta({ description: 'Whether a connection is taken, and not closed at once' })
    .optional(),
  initialDelaySeconds: seconds(0, 'From the start of the run to the first try; 0 unless given'),
  timeoutSeconds: seconds(1, 'What a try may take; 1 unless given'),
  periodSeconds: seconds(1, 'From one try to the next; 10 unless given'),
  successThreshold: z
    .int()
    .min(1)
    .max(1000)
    .meta({ description: 'Successes in a row that count as one after a failure; 1 unless given' })
    .optional(),
  failureThreshold: z
    .int()
    .min(1)
    .max(1000)
    .meta({ description: 'Failures in a row that count as one after a success; 3 unless given' })
    .optional(),
};

const ACTIONS = ['exec', 'guestAgentPing', 'httpGet', 'tcpSocket'] as const;

const checked = fields(shape).superRefine((value, context) => {
  const given = ACTIONS.filter((action) => value[action] !== undefined);
  if (given.length === 1) return;
  const message =
    given.length === 0
      ? `one of ${ACTIONS.join(', ')} is required`
      : `only one of ${given.join(', ')} can be given`;
  const reason = given.length === 0 ? 'FieldValueRequired' : 'FieldValueForbidden';
  context.addIssue({ code: 'custom', path: [], params: { reason }, message });
});
export type Probe = z.infer<typeof checked>;

export const readinessProbe = checked.meta({
  description: 'Whether the machine is ready, beside that its guest runs',
});
export const livenessProbe = checked
  .superRefine(({ successThreshold = 1 }, context) => {
    if (successThreshold === 1) return;
    const params = { reason: 'FieldValueInvalid' };
    context.addIssue({
      code: 'custom',
      path: ['successThreshold'],
      params,
      message: 'must be 1 for liveness',
    });
  })
  .meta({
    description: 'Where it fails, the run is ended as failed, and what follows is as the run strategy says',
  });
