import { describe, expect, test } from 'vitest';
import { formatAge } from '../../../hub/api/view/duration.ts';
import { compileJsonPath } from '../../../hub/api/view/json-path.ts';
import { KINDS } from '../../../shared/model/kinds.ts';

const object = {
  metadata: { labels: { 'holdfast.dev/device': 'edge-1', plain: 'x' } },
  status: {
    phase: 'Running',
    conditions: [
      { type: 'Paused', status: 'False' },
      { type: 'Ready', status: 'True', message: 'a "quoted" word' },
    ],
    interfaces: [{ ports: [{ hostPort: 1 }, { hostPort: 2 }] }, { ports: [{ hostPort: 3 }] }],
    none: null,
  },
};

describe('a JSONPath', () => {
  test.each<[string, unknown[]]>([
    ['.status.phase', ['Running']],
    ['.status.missing.deeper', []],
    ['.metadata.labels.holdfast\\.dev/device', ['edge-1']],
    ["['metadata'].labels['holdfast.dev/device']", ['edge-1']],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    ['.status.conditions[?(@.type=="Gone")].status', []],
    [".status.conditions[?(@.type != 'Ready')].status", ['False']],
    ['.status.conditions[0].type', ['Paused']],
    ['.status.conditions[-1].type', ['Ready']],
    ['.status.conditions[7].type', []],
    ['.status.interfaces[0].ports[*].hostPort', [1, 2]],
    ['.status.interfaces[*].ports[*].hostPort', [1, 2, 3]],
    ['.status.phase.length', []],
    ['.constructor', []],
    ['.status.none', [null]],
  ])('%s finds %j', (path, found) => {
    expect(compileJsonPath(path)(object)).toEqual(found);
  });

  test.each(['status', '.a[?(@.b>1)]', '.a[', '..a', '.a[1:2]'])('%s is not of the subset', (path) => {
    expect(() => compileJsonPath(path)).toThrow(/bug: the JSONPath/);
  });

  test('of every column can be read', () => {
    for (const { columns } of KINDS) for (const { jsonPath = '' } of columns) compileJsonPath(jsonPath);
  });
});

test.each([
  [-5, '<invalid>'],
  [-1, '0s'],
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [125, '2m5s'],
  [600, '10m'],
  [3 * 3600 - 1, '179m'],
  [3 * 3600, '3h'],
  [3 * 3600 + 720, '3h12m'],
  [8 * 3600 + 720, '8h'],
  [47 * 3600, '47h'],
  [48 * 3600, '2d'],
  [50 * 3600, '2d2h'],
  [8 * 86_400 + 3600, '8d'],
  [2 * 365 * 86_400, '2y'],
  [3 * 365 * 86_400 + 86_400, '3y1d'],
  [9 * 365 * 86_400 + 86_400, '9y'],
  [NaN, '<invalid>'],
])('an age of %d seconds is written %s', (seconds, text) => {
  expect(formatAge(seconds * 1000)).toBe(text);
});
