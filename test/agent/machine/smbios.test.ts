import { expect, test } from 'vitest';
import { UID, commandOf, compileParts, valuesOf } from './manifest.ts';

test("the system has the machine's uid, and what it is told of itself and its case", () => {
  const chassis = { manufacturer: 'Shop, Inc.', version: '1', serial: 'C-1', asset: 'A-1', sku: 'S-1' };
  const firmware = { serial: 'S 1' };
  const command = commandOf(compileParts({ domain: { chassis, firmware } }));
  expect(valuesOf(command, '-uuid')).toEqual([UID]);
  expect(valuesOf(command, '-smbios')).toEqual([
    'type=1,serial=S 1',
    'type=3,manufacturer=Shop,, Inc.,version=1,serial=C-1,asset=A-1,sku=S-1',
  ]);
  expect(valuesOf(commandOf(compileParts({ domain: { chassis: {} } })), '-smbios')).toEqual([]);
});
