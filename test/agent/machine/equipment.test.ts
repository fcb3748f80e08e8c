import { expect, test } from 'vitest';
import { findLack, parseCpuList, parseHostDevices } from '../../../agent/machine/equipment.ts';
import { NO_EQUIPMENT } from '../../tools/equipment.ts';
import { compileArm64, compileParts } from './manifest.ts';

test('devices are named by their kind or their place', () => {
  expect(
    parseHostDevices('nvidia.com/T4=pci:10DE:1eb8, a/b=pci:0000:01:00.0,shop/key=usb:0951:1666'),
  ).toEqual([
    { resource: 'nvidia.com/T4', selector: { bus: 'pci', vendor: '10de', product: '1eb8' } },
    { resource: 'a/b', selector: { bus: 'pci', address: '0000:01:00.0' } },
    { resource: 'shop/key', selector: { bus: 'usb', vendor: '0951', product: '1666' } },
  ]);
  expect(parseHostDevices('')).toEqual([]);
  for (const bad of [
    'nvidia.com/T4',
    'a=usb:0000:01:00.0',
    'a=pci:10de',
    'a=pci:10de:1eb8,',
    '=pci:10de:1eb8',
  ])
    expect(() => parseHostDevices(bad)).toThrow(/must be RESOURCE=pci/);
});

test('CPUs are listed as Linux lists them', () => {
  expect(parseCpuList('2-4,8')).toEqual([2, 3, 4, 8]);
  expect(parseCpuList('')).toEqual([]);
  for (const bad of ['a', '4-2', '1,', '-3'])
    expect(() => parseCpuList(bad)).toThrow(/must be a list of CPUs/);
});

const gpus = [{ name: 'gpu1', deviceName: 'nvidia.com/T4' }];

test('a machine is told what the box lacks', () => {
  expect(findLack(compileParts(), NO_EQUIPMENT)).toBeUndefined();
  expect(findLack(compileParts({ devices: { gpus } }), NO_EQUIPMENT)).toEqual({
    reason: 'NoSuchDevice',
    message:
      "the machine asks for a nvidia.com/T4 (device gpu1), and this box offers none: it offers none, by the agent's setting hostDevices",
  });
  const offering = { ...NO_EQUIPMENT, hostDevices: parseHostDevices('nvidia.com/T4=pci:10de:1eb8') };
  expect(findLack(compileParts({ devices: { gpus } }), offering)).toBeUndefined();
  expect(findLack(compileArm64(), NO_EQUIPMENT)?.reason).toBe('WrongArchitecture');
  const dedicated = compileParts({ domain: { cpu: { cores: 2, dedicatedCpuPlacement: true } } });
  expect(findLack(dedicated, NO_EQUIPMENT)?.message).toMatch(
    /2 CPUs of its own .* set aside none: .*dedicatedCpus/,
  );
  expect(findLack(dedicated, { ...NO_EQUIPMENT, dedicatedCpus: [2, 3] })).toBeUndefined();
});
