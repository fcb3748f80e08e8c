import { formatTime } from '../../shared/base/time.ts';
import type { Clock } from '../../shared/model/domain/clock.ts';
import type { Domain } from '../../shared/model/domain/domain.ts';
import type { Accelerator } from '../ports.ts';
import { formatOptions } from './options.ts';

export interface CompiledClock {
  /** Added to UTC at each start. */
  readonly offsetSeconds?: number;
  /** A name of the time zone database; QEMU is run with it as TZ. */
  readonly timezone?: string;
  readonly rtc?: { readonly catchup: boolean; readonly track: 'guest' | 'wall' };
  /** QEMU's own choice where nothing is said. */
  readonly hpet?: boolean;
  readonly pit?: { readonly present: boolean; readonly tickPolicy: 'delay' | 'catchup' | 'discard' };
}

export function compileClock({ clock = {} }: Domain): CompiledClock {
  const { utc, timezone, timer = {} }: Clock = clock;
  const { rtc, hpet, pit } = timer;
  return {
    ...(utc?.offsetSeconds === undefined ? {} : { offsetSeconds: utc.offsetSeconds }),
    ...(timezone === undefined ? {} : { timezone }),
    ...(rtc === undefined
      ? {}
      : { rtc: { catchup: rtc.tickPolicy === 'catchup', track: rtc.track ?? 'wall' } }),
    ...(hpet === undefined ? {} : { hpet: hpet.present !== false }),
    ...(pit === undefined
      ? {}
      : { pit: { present: pit.present !== false, tickPolicy: pit.tickPolicy ?? 'catchup' } }),
  };
}

/** `nowMs` is when QEMU is started, in milliseconds since 1970. */
export function clockArguments(clock: CompiledClock, nowMs: number, accelerator: Accelerator): string[] {
  const { offsetSeconds, timezone, rtc, pit } = clock;
  const base =
    timezone !== undefined
      ? 'localtime'
      : offsetSeconds === undefined
        ? 'utc'
        : formatTime(nowMs + offsetSeconds * 1000).slice(0, 'YYYY-MM-DDTHH:MM:SS'.length);
  const rtcOptions = {
    base,
    clock: rtc?.track === 'guest' ? 'vm' : undefined,
    driftfix: rtc?.catchup === true ? 'slew' : undefined,
  };
  // catchup is what KVM's timer does anyway, and TCG's knows nothing else.
  const policy = accelerator === 'kvm' && pit?.present === true ? pit.tickPolicy : 'catchup';
  return [
    '-rtc',
    formatOptions(undefined, rtcOptions),
    ...(policy === 'catchup' ? [] : ['-global', `kvm-pit.lost_tick_policy=${policy}`]),
  ];
}
