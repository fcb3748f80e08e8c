import { z } from 'zod';
import type { Happened } from './ports.ts';
import type { PlannedEvent } from './plan/plan.ts';

/**
 * What QEMU tells of a guest, in an operator's words (QEMU's QMP reference, "Events"). What a newer QEMU adds to an
 * event is passed over, and so is an event that makes no sense.
 */

const LONGEST_TEXT = 256;
const text = z.string().transform((given) => given.replace(/\p{C}/gu, ' ').slice(0, LONGEST_TEXT));

const reset = z.object({ guest: z.boolean(), reason: z.string().optional() });
const watchdog = z.object({ action: text });
const panicked = z.object({ info: z.object({ type: text }).optional() });
const ioError = z.object({
  device: text.optional(),
  'node-name': text.optional(),
  operation: text,
  action: text,
  nospace: z.boolean().optional(),
  reason: text.optional(),
});
const corrupted = z.object({ device: text.optional(), msg: text, fatal: z.boolean().optional() });
const memoryFailure = z.object({ recipient: text, action: text });

/** Undefined for what is not worth telling: it shows in the machine's state, or was our own doing. */
export function describeHappening({ name, data }: Happened): PlannedEvent | undefined {
  switch (name) {
    case 'RESET':
      // What the agent resets it tells itself.
      return tell(reset, data, ({ guest }) =>
        guest ? ['Normal', 'GuestReset', 'the guest rebooted'] : undefined,
      );
    case 'WATCHDOG':
      return tell(watchdog, data, ({ action }) => [
        'Warning',
        'WatchdogFired',
        // Held is how it is powered off: see `actionArguments`.
        `the guest did not feed its watchdog, which fired; what follows is: ${action === 'pause' ? 'poweroff' : action}`,
      ]);
    case 'GUEST_PANICKED':
      return tell(panicked, data ?? {}, ({ info }) => [
        'Warning',
        'GuestPanicked',
        `the guest's kernel panicked${info === undefined ? '' : ` (${info.type})`}`,
      ]);
    case 'GUEST_CRASHLOADED':
      return {
        type: 'Warning',
        reason: 'GuestCrashLoaded',
        message: "the guest's kernel panicked, and its crash kernel runs",
      };
    case 'BLOCK_IO_ERROR':
      return tell(ioError, data, describeIoError);
    case 'BLOCK_IMAGE_CORRUPTED':
      return tell(corrupted, data, ({ device, msg, fatal }) => [
        'Warning',
        'DiskCorrupted',
        `QEMU found disk ${device ?? ''} corrupted: ${msg}${fatal === true ? '; it is written to no more' : ''}`,
      ]);
    case 'MEMORY_FAILURE':
      return tell(memoryFailure, data, ({ recipient, action }) => [
        'Warning',
        'MemoryFailure',
        `the box's memory failed under the machine (${recipient}: ${action})`,
      ]);
    default:
      return undefined;
  }
}

type Words = readonly [PlannedEvent['type'], string, string];

function tell<T>(
  schema: z.ZodType<T>,
  data: unknown,
  describe: (read: T) => Words | undefined,
): PlannedEvent | undefined {
  const read = schema.safeParse(data);
  const words = read.success ? describe(read.data) : undefined;
  if (words === undefined) return undefined;
  const [type, reason, message] = words;
  return { type, reason, message };
}

function describeIoError({
  device,
  operation,
  action,
  nospace,
  reason,
  ...rest
}: z.infer<typeof ioError>): Words {
  const disk = device === undefined || device === '' ? (rest['node-name'] ?? '') : device;
  const why = nospace === true ? 'there is no space left' : (reason ?? 'the system does not say why');
  const follows: Readonly<Record<string, string>> = {
    stop: 'the guest is held until that is over',
    report: 'the guest was told of it',
    ignore: 'the guest was not told of it',
  };
  return [
    'Warning',
    'IOError',
    `a ${operation} on disk ${disk} failed: ${why}; ${follows[action] ?? action}`,
  ];
}
