import { expect, test } from 'vitest';
import { compileIoThreads } from '../../../agent/machine/io-threads.ts';
import { commandOf, compileParts, valuesOf } from './manifest.ts';

const disk = (name: string, dedicated = false) => ({ name, dedicated });
const threadsOf = (domain: object, ...disks: ReturnType<typeof disk>[]) => {
  const { count, disks: threads } = compileIoThreads({ devices: {}, ...domain }, disks);
  return [count, ...disks.map(({ name }) => threads[name])];
};

test.each([
  [{}, [0, undefined, undefined, undefined]],
  [{ ioThreadsPolicy: 'shared' }, [2, 'io0', 'io1', 'io0']],
  [{ ioThreadsPolicy: 'auto' }, [2, 'io0', 'io1', 'io0']],
  [{ ioThreadsPolicy: 'auto', resources: { requests: { cpu: '2' } } }, [3, 'io0', 'io2', 'io1']],
  [
    { ioThreadsPolicy: 'supplementalPool', ioThreads: { supplementalPoolThreadCount: 2 } },
    [2, 'io0', 'io1', 'io0'],
  ],
] as const)('%j', (domain, [count, a, b, c]) => {
  // The second disk has a thread of its own, but for where no policy is and it does not ask for one.
  const dedicated = Object.keys(domain).length > 0;
  expect(threadsOf(domain, disk('a'), disk('b', dedicated), disk('c'))).toEqual([count, a, b, c]);
});

test('a thread of its own needs no policy', () => {
  expect(threadsOf({}, disk('a'), disk('b', true))).toEqual([2, 'io0', 'io1']);
});

test('virtio disks are served by them', () => {
  const command = commandOf(
    compileParts({
      spec: {
        volumes: ['a', 'b'].map((name) => ({ name, emptyDisk: { capacity: '1Mi' } })),
      },
      domain: { ioThreadsPolicy: 'shared' },
      devices: {
        disks: [
          { name: 'a', disk: { bus: 'virtio' } },
          { name: 'b', disk: { bus: 'sata' } },
        ],
      },
    }),
  );
  expect(valuesOf(command, '-object')).toEqual(['iothread,id=io0']);
  expect(valuesOf(command, '-device').filter((device) => device.includes('iothread='))).toEqual([
    expect.stringMatching(/^virtio-blk-pci,id=disk-a,.*iothread=io0/),
  ]);
});
