import type { Domain } from '../../shared/model/domain/domain.ts';
import type { CompiledFirmware } from './firmware.ts';
import { formatOptions } from './options.ts';

export type Chassis = NonNullable<Domain['chassis']>;

/** SMBIOS' tables of the system (type 1) and its case (type 3), as far as the machine says something of them. */
export function smbiosArguments({ uuid, serial }: CompiledFirmware, chassis: Chassis | undefined): string[] {
  const { manufacturer, version, serial: caseSerial, asset, sku } = chassis ?? {};
  const isGiven = [manufacturer, version, caseSerial, asset, sku].some((text) => text !== undefined);
  return [
    '-uuid',
    uuid,
    ...(serial === undefined ? [] : ['-smbios', formatOptions(undefined, { type: 1, serial })]),
    ...(isGiven
      ? [
          '-smbios',
          formatOptions(undefined, { type: 3, manufacturer, version, serial: caseSerial, asset, sku }),
        ]
      : []),
  ];
}
