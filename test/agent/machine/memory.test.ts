import { expect, test } from 'vitest';
import { commandOf, compileParts, valuesOf } from './manifest.ts';

test('huge pages are had at once, of one node where that is asked for', () => {
  const memory = { guest: '1Gi', hugepages: { pageSize: '2Mi' } };
  const machine = compileParts({ domain: { memory } });
  const command = commandOf(machine);
  expect(valuesOf(command, '-m')).toEqual(['1024M']);
  expect(valuesOf(command, '-object')).toEqual([
    'memory-backend-memfd,id=memory,size=1024M,hugetlb=on,hugetlbsize=2M,prealloc=on',
  ]);
  expect(valuesOf(command, '-machine')[0]).toContain('memory-backend=memory');
  expect(valuesOf(commandOf(machine, { memoryNode: 1 }), '-object')[0]).toContain('host-nodes=1,policy=bind');
});

test('one huge page is the memory where nothing else is said', () => {
  const memory = { hugepages: { pageSize: '1Gi' } };
  expect(compileParts({ domain: { memory } }).memoryBytes).toBe(2 ** 30);
});

test('memory is locked, and more of it reserved, where asked', () => {
  const reservedOverhead = { addedOverhead: '64Mi', memLock: 'Required' };
  const machine = compileParts({ domain: { memory: { guest: '1Gi', reservedOverhead } } });
  expect(valuesOf(commandOf(machine), '-overcommit')).toEqual(['mem-lock=on']);
  expect(machine.memory.addedOverheadBytes).toBe(64 * 2 ** 20);
  expect(valuesOf(commandOf(compileParts()), '-overcommit')).toEqual([]);
});
