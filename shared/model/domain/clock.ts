import { z } from 'zod';
import { fields } from '../schema.ts';

const present = z.boolean().meta({ description: 'True by default' }).optional();

const timer = fields({
  hpet: fields(
    { present },
    { tickPolicy: "QEMU's HPET has no tick policy; leave it out, or the whole timer with present: false" },
  )
    .meta({ description: 'The high precision event timer; there unless it says otherwise' })
    .optional(),
  hyperv: fields({ present })
    .meta({ description: "Hyper-V's clock, for Windows; under KVM only" })
    .optional(),
  kvm: fields({ present })
    .meta({ description: "KVM's clock; there under KVM unless it says otherwise" })
    .optional(),
  pit: fields({
    present,
    tickPolicy: z
      .enum(['delay', 'catchup', 'discard'])
      .meta({ description: 'Under KVM: what becomes of ticks that came too late: delay, catchup or discard' })
      .optional(),
  })
    .meta({ description: 'The programmable interval timer' })
    .optional(),
  rtc: fields({
    present: z
      .literal(true, { error: 'is not supported: every machine has a real-time clock' })
      .meta({ description: 'True by default' })
      .optional(),
    tickPolicy: z
      .enum(['delay', 'catchup'])
      .meta({ description: 'What becomes of ticks that came too late: delay or catchup' })
      .optional(),
    track: z
      .enum(['guest', 'wall'])
      .meta({
        description:
          'Whose time it goes by: wall (the default), or guest, which stands still while the machine does',
      })
      .optional(),
  })
    .meta({ description: 'The real-time clock' })
    .optional(),
});

/** A name that the time zone database has, such as Europe/Berlin. */
const timezone = z
  .string()
  .max(64)
  .refine(isTimezone, 'must be the name of a time zone, such as Europe/Berlin');

function isTimezone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** KubeVirt's `Clock`. */
export const clock = fields({
  utc: fields({
    offsetSeconds: z
      .int()
      .min(-86_400_000)
      .max(86_400_000)
      .meta({
        description:
          "Added to the time at each start. What the guest sets its clock to in between isn't kept",
      })
      .optional(),
  })
    .meta({ description: "The guest's clock shows UTC at each start; the default" })
    .optional(),
  timezone: timezone
    .meta({ description: "The guest's clock shows the time of this zone at each start" })
    .optional(),
  timer: timer.meta({ description: 'The timers that the machine has' }).optional(),
}).superRefine(({ utc, timezone: zone }, context) => {
  if (utc === undefined || zone === undefined) return;
  context.addIssue({ code: 'custom', path: ['timezone'], message: 'must not be given together with utc' });
});
export type Clock = z.infer<typeof clock>;
