import { describe, expect, test } from 'vitest';
import { meetsDemand, namedDevices, scoreDevice } from '../../../hub/machines/node-affinity.ts';
import { placeMachine } from '../../../hub/machines/place.ts';
import type { NodeSelectorTerm } from '../../../shared/model/scheduling.ts';

const devices = [
  { name: 'edge-1', labels: { 'kubernetes.io/hostname': 'edge-1', shop: 'north', tills: '12' } },
  { name: 'edge-2', labels: { 'kubernetes.io/hostname': 'edge-2', shop: 'north', tills: '3' } },
  { name: 'edge-3', labels: { 'kubernetes.io/hostname': 'edge-3', shop: 'south' } },
];

const requires = (...nodeSelectorTerms: NodeSelectorTerm[]) => ({
  nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
});
const label = (
  key: string,
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt',
  ...values: string[]
) => ({
  matchExpressions: [{ key, operator, ...(values.length > 0 && { values }) }],
});
const isName = (operator: 'In' | 'NotIn', value: string) => ({
  matchFields: [{ key: 'metadata.name' as const, operator, values: [value] }],
});
const matches = (...terms: NodeSelectorTerm[]) =>
  devices.filter((device) => meetsDemand({ affinity: requires(...terms) }, device)).map(({ name }) => name);

describe('the required terms', () => {
  test.each<[string, string[], NodeSelectorTerm[]]>([
    ['In', ['edge-1', 'edge-2'], [label('shop', 'In', 'north', 'west')]],
    ['NotIn, also without the label', ['edge-3'], [label('tills', 'NotIn', '12', '3')]],
    ['Exists', ['edge-1', 'edge-2'], [label('tills', 'Exists')]],
    ['DoesNotExist', ['edge-3'], [label('tills', 'DoesNotExist')]],
    ['Gt, as numbers', ['edge-1'], [label('tills', 'Gt', '4')]],
    ['Lt', ['edge-2'], [label('tills', 'Lt', '12')]],
    ['Gt of what is no number', [], [label('shop', 'Gt', '0')]],
    ['a name', ['edge-2'], [isName('In', 'edge-2')]],
    ['any other name', ['edge-1', 'edge-3'], [isName('NotIn', 'edge-2')]],
    ['one of several', ['edge-1', 'edge-3'], [label('tills', 'Gt', '4'), isName('In', 'edge-3')]],
    ['all of one', ['edge-2'], [{ ...label('shop', 'In', 'north'), ...isName('NotIn', 'edge-1') }]],
    ['nothing, which matches nothing', [], [{}]],
    ['what every object has', [], [label('toString', 'Exists')]],
  ])('with %s match %j', (_, names, terms) => {
    expect(matches(...terms)).toEqual(names);
  });

  test('hold beside nodeSelector, and one device alone is to be left', () => {
    const affinity = requires(label('tills', 'Gt', '4'));
    expect(placeMachine({ nodeSelector: { shop: 'north' }, affinity }, devices)).toEqual({
      device: 'edge-1',
    });
    expect(placeMachine({ nodeSelector: { shop: 'south' }, affinity }, devices)).toEqual({
      waiting: '0 devices match nodeSelector shop=south and the required nodeAffinity, and exactly one must',
    });
    expect(placeMachine({ affinity: requires(label('shop', 'Exists')) }, devices)).toHaveProperty(
      'waiting',
      '3 devices match the required nodeAffinity, and exactly one must: narrow it, e.g. with kubernetes.io/hostname',
    );
  });

  test('name the devices that need to be looked at, where they name any', () => {
    const hostname = label('kubernetes.io/hostname', 'In', 'edge-1', 'edge-3');
    expect(namedDevices({ affinity: requires(hostname, isName('In', 'edge-3')) })).toEqual([
      'edge-1',
      'edge-3',
    ]);
    expect(namedDevices({ affinity: requires(hostname, label('shop', 'Exists')) })).toBeUndefined();
    expect(namedDevices({ affinity: requires(isName('NotIn', 'edge-1')) })).toBeUndefined();
    expect(namedDevices({ nodeSelector: { 'kubernetes.io/hostname': 'edge-2' } })).toEqual(['edge-2']);
    expect(namedDevices({})).toBeUndefined();
  });
});

test('the weights of all preferences that a device meets are added up', () => {
  const preferredDuringSchedulingIgnoredDuringExecution = [
    { weight: 10, preference: label('shop', 'In', 'north') },
    { weight: 5, preference: label('tills', 'Lt', '4') },
    { weight: 1, preference: isName('In', 'edge-3') },
  ];
  const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution } };
  expect(devices.map((device) => scoreDevice({ affinity }, device))).toEqual([10, 15, 1]);
  expect(devices.every((device) => meetsDemand({ affinity }, device))).toBe(true);
});
