import { describe, expect, test } from 'vitest';
import type { PciPlaces } from '../../../agent/machine/pci.ts';
import { createPciLayout, readPciPlaces } from '../../../agent/machine/pci.ts';

const GIB = 2 ** 30;

/** Places devices of these ids, on ports unless their name begins with "root". */
function place(ids: readonly string[], before: PciPlaces = {}): PciPlaces {
  const layout = createPciLayout(before);
  for (const id of ids) {
    if (id.startsWith('root')) layout.placeOnRoot(id);
    else layout.placeOnPort(id);
  }
  return layout.places();
}

function countPorts(ids: readonly string[], memoryBytes = GIB, before: PciPlaces = {}): number {
  const layout = createPciLayout(before);
  for (const id of ids) layout.placeOnPort(id);
  return layout.portArguments(memoryBytes).filter((word) => word.startsWith('pcie-root-port')).length;
}

const named = (count: number, name = 'disk') =>
  Array.from({ length: count }, (_, index) => `${name}${index}`);

describe('a device', () => {
  test('sits on a port of its own, or in a slot of the root bus', () => {
    const layout = createPciLayout({});
    expect(layout.placeOnPort('a')).toEqual({ bus: 'port0', addr: '0x0' });
    expect(layout.placeOnPort('b')).toEqual({ bus: 'port1', addr: '0x0' });
    expect(layout.placeOnRoot('c')).toEqual({ addr: '0x4' });
    expect(layout.placeOnRoot('channel')).toEqual({ addr: '0x2' });
    expect(layout.places()).toEqual({ a: 'port0', b: 'port1', c: '0x4', channel: '0x2' });
  });

  test('keeps its place whatever comes, goes or changes its order', () => {
    const first = place(['a', 'b', 'root1', 'root2']);
    const second = place(['new', 'root0', 'b', 'root2'], first);
    expect(second).toMatchObject({ b: 'port1', root2: '0x5', new: 'port2', root0: '0x6' });
    expect(place(['b', 'a', 'new'], second)).toMatchObject({ b: 'port1', new: 'port2', a: 'port0' });
  });

  test('that is new takes no place of one that comes later in the order', () => {
    expect(place(['new', 'a'], place(['a']))).toEqual({ new: 'port1', a: 'port0' });
  });

  test('is on the root bus where there are no more ports, and refused where that is full too', () => {
    expect(place(named(33))).toMatchObject({ disk32: '0x4' });
    expect(place(['new', ...named(31)], place(named(32)))).toMatchObject({ new: '0x4', disk0: 'port0' });
    expect(() => place(named(80))).toThrow('more devices than PCI slots');
  });

  test('that can not sit on a port leaves the one it had: its model was changed', () => {
    expect(createPciLayout({ card: 'port0' }).placeOnRoot('card')).toEqual({ addr: '0x4' });
  });
});

describe('ports', () => {
  test('are as many as KubeVirt makes', () => {
    expect(countPorts([])).toBe(8);
    expect(countPorts(named(5))).toBe(8);
    expect(countPorts(named(6))).toBe(9);
    expect(countPorts(named(2), 2 * GIB)).toBe(8);
    expect(countPorts(named(2), 2 * GIB + 1)).toBe(16);
    expect(countPorts(named(12), 4 * GIB)).toBe(18);
    expect(countPorts(named(40), 4 * GIB)).toBe(32);
  });

  test('are all there up to the last in use', () => {
    expect(countPorts(['a'], GIB, { a: 'port20' })).toBe(21);
  });

  test('share slots, eight to one, and need no I/O space', () => {
    const words = createPciLayout({}).portArguments(4 * GIB);
    expect(words.slice(0, 4)).toEqual([
      '-device',
      'pcie-root-port,id=port0,chassis=1,addr=0x1b.0,multifunction=on,io-reserve=0',
      '-device',
      'pcie-root-port,id=port1,chassis=2,addr=0x1b.1,io-reserve=0',
    ]);
    expect(words[17]).toBe('pcie-root-port,id=port8,chassis=9,addr=0x1c.0,multifunction=on,io-reserve=0');
  });
});

test('places are read from a command line of before they were written down', () => {
  const command = [
    '-device virtio-serial-pci,id=channel,addr=0x2 -device VGA,addr=0x1 -device ide-hd,id=disk-a,bus=ide.0',
    '-device virtio-blk-pci,drive=disk0,id=disk-root,addr=0xc -device virtio-blk-pci,id=disk-z,addr=0x1d',
    '-netdev user,id=net0,addr=0x9 -device virtio-net-pci,id=interface-default,addr=0x4,romfile=',
  ].flatMap((line) => line.split(' '));
  const places = readPciPlaces(command);
  expect(places).toEqual({ 'disk-root': '0xc', 'interface-default': '0x4' });
  const layout = createPciLayout(places);
  expect(layout.placeOnPort('interface-default')).toEqual({ addr: '0x4' });
  expect(layout.placeOnRoot('root')).toEqual({ addr: '0x5' });
});
