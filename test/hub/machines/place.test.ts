import { describe, expect, test } from 'vitest';
import { placeMachine } from '../../../hub/machines/place.ts';

const devices = [
  { name: 'edge-1', labels: { 'kubernetes.io/hostname': 'edge-1', shop: 'north', size: 'large' } },
  { name: 'edge-2', labels: { 'kubernetes.io/hostname': 'edge-2', shop: 'north' } },
  { name: 'edge-3', labels: { 'kubernetes.io/hostname': 'edge-3', shop: 'south' } },
];

describe('a machine', () => {
  test.each<[Record<string, string>, string]>([
    [{ 'kubernetes.io/hostname': 'edge-2' }, 'edge-2'],
    [{ shop: 'south' }, 'edge-3'],
    [{ shop: 'north', size: 'large' }, 'edge-1'],
  ])('that selects %j is put on %s', (selector, device) => {
    expect(placeMachine({ nodeSelector: selector }, devices)).toEqual({ device });
  });

  test('that selects nothing is put on the only device that there is', () => {
    expect(placeMachine({}, devices.slice(0, 1))).toEqual({ device: 'edge-1' });
  });

  test.each<[Record<string, string>, string]>([
    [{ shop: 'west' }, '0 devices match nodeSelector shop=west, and exactly one must'],
    [
      { shop: 'south', size: 'large' },
      '0 devices match nodeSelector shop=south,size=large, and exactly one must',
    ],
    [
      { shop: 'north' },
      '2 devices match nodeSelector shop=north, and exactly one must: narrow it, e.g. with kubernetes.io/hostname',
    ],
    [
      {},
      '3 devices match an empty nodeSelector, and exactly one must: narrow it, e.g. with kubernetes.io/hostname',
    ],
  ])('that selects %j waits, and says how many match', (selector, waiting) => {
    expect(placeMachine({ nodeSelector: selector }, devices)).toEqual({ waiting });
  });

  test('waits where there is no device at all', () => {
    expect(placeMachine({}, [])).toEqual({
      waiting: '0 devices match an empty nodeSelector, and exactly one must',
    });
  });

  test('is not put on a device by a label of that name with another value, or by what every object has', () => {
    expect(placeMachine({ nodeSelector: { shop: 'nor' } }, devices)).toHaveProperty('waiting');
    expect(placeMachine({ nodeSelector: { toString: '' } }, devices)).toHaveProperty('waiting');
  });
});
