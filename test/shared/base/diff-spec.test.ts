import { describe, expect, test } from 'vitest';
import { applyChange, findChanges, formatPath } from '../../../shared/base/diff-spec.ts';

const paths = (running: unknown, wanted: unknown) =>
  findChanges(running, wanted).map((change) => formatPath('spec', change));

describe('what differs', () => {
  test('is told as deep as it goes', () => {
    const running = { domain: { cpu: { cores: 1, model: 'a' }, machine: { type: 'q35' } } };
    expect(paths(running, { domain: { cpu: { cores: 2, model: 'a' }, memory: { guest: '1Gi' } } })).toEqual([
      'spec.domain.cpu.cores',
      'spec.domain.machine.type',
      'spec.domain.memory.guest',
    ]);
  });

  test('is nothing where the same is said in another order, or left out', () => {
    expect(paths({ a: 1, b: { c: 2 }, d: undefined }, { b: { c: 2 }, a: 1 })).toEqual([]);
  });

  test('is told of entries by their names, whatever their places', () => {
    const [root, data] = [
      { name: 'root', disk: { bus: 'virtio' } },
      { name: 'data', disk: { bus: 'sata' } },
    ];
    expect(paths([root, data], [{ name: 'new' }, root, { name: 'data', disk: { bus: 'scsi' } }])).toEqual([
      'spec[data].disk.bus',
      'spec[new]',
    ]);
    expect(paths({ disks: [root] }, {})).toEqual(['spec.disks[root]']);
    expect(paths([root, data], [data, root])).toEqual(['spec']);
  });

  test('is told of a list without names as a whole, and of an object that is empty', () => {
    expect(paths({ ports: [{ port: 80 }] }, { ports: [{ port: 81 }] })).toEqual(['spec.ports']);
    expect(paths({}, { rng: {} })).toEqual(['spec.rng']);
    expect(paths({ disk: {} }, { cdrom: {} })).toEqual(['spec.disk', 'spec.cdrom']);
  });
});

test.each([
  [
    { a: 1, b: [{ name: 'x', y: 1 }] },
    { b: [{ name: 'z' }, { name: 'x' }], c: {} },
  ],
  [{}, { a: { b: { c: [{ name: 'x' }] } } }],
  [{ a: [{ name: 'x' }, { name: 'y' }] }, { a: [{ name: 'y' }, { name: 'x', n: 2 }] }],
  [{ a: [1, 2] }, { a: [2] }],
])('all changes made to %j make %j', (running, wanted) => {
  const made = findChanges(running, wanted).reduce<unknown>(applyChange, running);
  expect(findChanges(made, wanted).filter(({ path }) => path.length > 1)).toEqual([]);
});
