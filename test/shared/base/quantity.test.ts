import { describe, expect, test } from 'vitest';
import { formatBytes, parseQuantity, quantityBytes } from '../../../shared/base/quantity.ts';

describe('a quantity', () => {
  test.each([
    ['0', 0],
    ['128', 128],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['5.', 5],
    ['+5', 5],
    ['-5', -5],
    ['1k', 1_000],
    ['2M', 2e6],
    ['3G', 3e9],
    ['1T', 1e12],
    ['1P', 1e15],
    ['1E', 1e18],
    ['1Ki', 1_024],
    ['512Mi', 512 * 2 ** 20],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['1Ti', 2 ** 40],
    ['1Pi', 2 ** 50],
    ['1Ei', 2 ** 60],
    ['1e3', 1_000],
    ['1E3', 1_000],
    ['1.5e+3', 1_500],
    ['25e-1', 2.5],
    ['0012', 12],
  ])('%s is %d', (text, value) => {
    expect(parseQuantity(text)).toBe(value);
  });

  test.each([
    ['500m', 0.5],
    ['250u', 0.00025],
    ['100n', 1e-7],
  ])('%s is about %d', (text, value) => {
    expect(parseQuantity(text)).toBeCloseTo(value, 12);
  });

  test.each([
    '',
    ' ',
    '.',
    '+',
    'Mi',
    '1 Gi',
    ' 1Gi',
    '1Gi ',
    '1Gi\n',
    '1gi',
    '1K',
    '1KB',
    '1GiB',
    '1,5',
    '1_000',
    '0x10',
    'NaN',
    'Infinity',
    '1e',
    '1e3Mi',
    '1ee3',
    '--1',
    '1e999',
    '١',
  ])('%j is none', (text) => {
    expect(parseQuantity(text)).toBeUndefined();
  });

  test('of bytes is rounded up to whole ones', () => {
    expect(quantityBytes('1.5Ki')).toBe(1_536);
    expect(quantityBytes('1100m')).toBe(2);
    expect(quantityBytes('64M')).toBe(64_000_000);
    expect(() => quantityBytes('lots')).toThrow('bug');
  });
});

test.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1 KiB'],
  [1_536, '1.5 KiB'],
  [512 * 2 ** 20, '512 MiB'],
  [10.4 * 2 ** 30, '10 GiB'],
  [5_000 * 2 ** 40, '5000 TiB'],
])('%d bytes read as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
