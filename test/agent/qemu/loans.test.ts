import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseHostDevices } from '../../../agent/machine/equipment.ts';
import { createHostDevices } from '../../../agent/qemu/host-devices.ts';
import { createLoans } from '../../../agent/qemu/loans.ts';
import { NO_EQUIPMENT } from '../../tools/equipment.ts';
import { compileParts } from '../machine/manifest.ts';

let sys: string;
beforeEach(() => {
  sys = mkdtempSync(join(tmpdir(), 'holdfast-sys-'));
});
afterEach(() => rmSync(sys, { recursive: true }));

/** A device as sysfs shows it. */
function addDevice(path: string, files: Record<string, string>, links: Record<string, string> = {}): void {
  const folder = join(sys, path);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), `${text}\n`);
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(folder, name));
}
const addPci = (address: string, driver: string) =>
  addDevice(
    `bus/pci/devices/${address}`,
    { vendor: '0x10de', device: '0x1eb8' },
    { driver: `../../../drivers/${driver}`, iommu_group: '../../../kernel/iommu_groups/7' },
  );

const equipment = {
  ...NO_EQUIPMENT,
  hostDevices: parseHostDevices('nvidia.com/T4=pci:10de:1eb8,shop/key=usb:0951:1666'),
  dedicatedCpus: [2, 3, 4],
};
const open = () => createLoans(equipment, createHostDevices(equipment.hostDevices, sys));
const machine = (uid: string, devices: object, cpu: object = {}) => ({
  ...compileParts({ devices, domain: { cpu } }),
  uid,
});
const gpus = [{ name: 'gpu1', deviceName: 'nvidia.com/T4' }];
const none = async () => new Map();

test("a device is one machine's, from the moment it is chosen until its process has ended", async () => {
  addPci('0000:01:00.0', 'vfio-pci');
  addPci('0000:02:00.0', 'vfio-pci');
  const loans = open();
  const [a, b] = await Promise.all(['a', 'b'].map(async (uid) => loans.lend(machine(uid, { gpus }), none)));
  expect([a?.hostDevices, b?.hostDevices]).toEqual([
    [{ bus: 'pci', address: '0000:01:00.0' }],
    [{ bus: 'pci', address: '0000:02:00.0' }],
  ]);
  const third = machine('c', { gpus });
  await expect(loans.lend(third, none)).rejects.toMatchObject({
    code: 'DeviceTaken',
    message: 'each nvidia.com/T4 of this box is taken (device gpu1 of the machine): by a, b',
  });
  // One start came to its process, the other did not.
  loans.settle('a');
  loans.settle('b');
  const running = async () => new Map([['a', { hostDevices: a?.hostDevices ?? [], cpus: [] }]]);
  expect((await loans.lend(third, running)).hostDevices).toEqual(b?.hostDevices);
});

test('a device that is gone, or not let go of by its driver, says so', async () => {
  const loans = open();
  await expect(loans.lend(machine('a', { gpus }), none)).rejects.toMatchObject({ code: 'DeviceMissing' });
  addPci('0000:01:00.0', 'nouveau');
  await expect(loans.lend(machine('a', { gpus }), none)).rejects.toMatchObject({
    code: 'DeviceNotReady',
    message: expect.stringMatching(/is driven by nouveau: bind it to vfio-pci/),
  });
});

test('USB devices are told by their place', async () => {
  addDevice('bus/usb/devices/1-2.3', { idVendor: '0951', idProduct: '1666', busnum: '1', devnum: '5' });
  const hostDevices = [{ name: 'key', deviceName: 'shop/key' }];
  expect((await open().lend(machine('a', { hostDevices }), none)).hostDevices).toEqual([
    { bus: 'usb', place: '1-2.3' },
  ]);
});

test('CPUs are shared out, and may have to be of one node', async () => {
  addDevice('devices/system/node/node0', { cpulist: '0-2' });
  addDevice('devices/system/node/node1', { cpulist: '3-5' });
  const cpu = { cores: 2, dedicatedCpuPlacement: true };
  const loans = open();
  expect(await loans.lend(machine('a', {}, cpu), none)).toEqual({ hostDevices: [], cpus: [2, 3] });
  await expect(loans.lend(machine('b', {}, cpu), none)).rejects.toMatchObject({ code: 'CpusTaken' });
  loans.settle('a');
  const memory = { guest: '1Gi', hugepages: { pageSize: '2Mi' } };
  const numa = { guestMappingPassthrough: {} };
  const onOneNode = compileParts({ domain: { memory, cpu: { ...cpu, numa } } });
  expect(await loans.lend(onOneNode, none)).toEqual({ hostDevices: [], cpus: [3, 4], memoryNode: 1 });
});
