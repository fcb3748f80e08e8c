import { expect, test } from 'vitest';
import { parseStat, readMachineProcess, readRunNumber, readStartTicks } from '../../../agent/qemu/process.ts';

test('the fields of a stat line are counted after the name, whatever that is', () => {
  const fields = ['S', ...Array.from({ length: 18 }, (_, index) => String(index)), '4711', '99'].join(' ');
  expect(parseStat(`12 (qemu-system-x86) ${fields}\n`)).toEqual({ state: 'S', startTicks: 4711 });
  expect(parseStat(`12 (a) b) (Z 1 2) ${fields}\n`)).toEqual({ state: 'S', startTicks: 4711 });
  expect(parseStat('')).toBeUndefined();
});

test('this process lives, and is no machine', async () => {
  expect(await readStartTicks(process.pid)).toBeGreaterThan(0);
  expect(await readMachineProcess(process.pid, process.cwd(), 'uid')).toBeUndefined();
  expect(await readStartTicks(2 ** 22 + 1)).toBeUndefined();
});

test('a run is known by its sockets', () => {
  const of = (...command: string[]) => readRunNumber({ pid: 1, startTicks: 1, command });
  expect(of('-chardev', 'socket,id=qmp,path=sockets/qmp-17.sock,server=on')).toBe(17);
  expect(of('-chardev', 'socket,id=qmp,path=sockets/qmp-x.sock')).toBeUndefined();
  expect(of()).toBeUndefined();
});
