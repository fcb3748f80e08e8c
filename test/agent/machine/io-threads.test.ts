import { expect, test } from 'vitest';
import { commandOf, compileParts, valuesOf } from './manifest.ts';

/** Three virtio disks, the second with a thread of its own where `dedicated`, and one that no thread can serve. */
const compileDisks = (domain: object, dedicated: boolean) =>
  compileParts({
    spec: { volumes: ['a', 'b', 'c', 'd'].map((name) => ({ name, emptyDisk: { capacity: '1Mi' } })) },
    domain,
    devices: {
      disks: [
        { name: 'a', disk: { bus: 'virtio' } },
        { name: 'b', disk: { bus: 'virtio' }, ...(dedicated ? { dedicatedIOThread: true } : {}) },
        { name: 'c', disk: { bus: 'virtio' } },
        { name: 'd', disk: { bus: 'sata' } },
      ],
    },
  });

const pool = { ioThreadsPolicy: 'supplementalPool', ioThreads: { supplementalPoolThreadCount: 2 } };

test.each([
  [{}, false, [undefined, undefined, undefined]],
  [{}, true, ['iothread0', 'io-b', 'iothread0']],
  [{ ioThreadsPolicy: 'shared' }, true, ['iothread0', 'io-b', 'iothread0']],
  [{ ioThreadsPolicy: 'auto' }, false, ['iothread0', 'iothread1', 'iothread0']],
  [
    { ioThreadsPolicy: 'auto', resources: { requests: { cpu: '2' } } },
    true,
    ['iothread0', 'io-b', 'iothread1'],
  ],
  [pool, true, ['iothread0', 'iothread1', 'iothread0']],
] as const)('%j with a dedicated thread: %j', (domain, dedicated, threads) => {
  const machine = compileDisks(domain, dedicated);
  expect(machine.disks.map(({ ioThread }) => ioThread)).toEqual([...threads, undefined]);
  // Every thread that a disk names is made, and none else.
  const made = valuesOf(commandOf(machine), '-object').map((object) => object.replace('iothread,id=', ''));
  expect(made.toSorted()).toEqual([...new Set(threads.filter((thread) => thread !== undefined))].toSorted());
});
