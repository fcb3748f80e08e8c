import { z } from 'zod';
import { describe, expect, test } from 'vitest';
import { fields, meaningless } from '../../../shared/model/schema.ts';
import {
  compareKind,
  compareSchema,
  compareStatus,
  KINDS_WITH_STATUS,
  KUBEVIRT_KINDS,
} from './kubevirt-fields.ts';

describe.each(KUBEVIRT_KINDS.map((kind) => [kind.kind, kind] as const))('%s', (_, kind) => {
  const { missing, wrong, refused, count } = compareKind(kind);

  test("each of KubeVirt's fields works, is refused with a reason or is known to mean nothing here", () => {
    expect(missing).toEqual([]);
    expect(count).toBeGreaterThan(5);
  });

  test("no field is there that is not KubeVirt's, or twice", () => {
    expect(wrong).toEqual([]);
  });

  test('a reason reads on from "is not supported: "', () => {
    const wordless = [...refused].filter(([, why]) => !/^[a-zA-Z"].{10,}[^.]$/.test(why));
    expect(wordless).toEqual([]);
  });
});

describe.each(KINDS_WITH_STATUS.map((kind) => [kind.kind, kind] as const))('the status of %s', (_, kind) => {
  const { missing, wrong, refused, count } = compareStatus(kind);

  test("shows each of KubeVirt's fields, or never does, for a reason", () => {
    expect(missing).toEqual([]);
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(5);
    expect([...refused].filter(([, why]) => !/^[a-zA-Z"].{10,}[^.]$/.test(why))).toEqual([]);
  });
});

test('every kind of kubevirt.io has the older spelling of its version too', () => {
  for (const { kind, group, versions } of KUBEVIRT_KINDS) {
    if (group === 'kubevirt.io') expect([kind, versions]).toEqual([kind, ['v1', 'v1alpha3']]);
  }
});

describe('the comparison itself', () => {
  test('finds what is left out, at any depth, and what is too much', () => {
    const leaf = fields(
      { nodeAffinity: fields({ surplus: z.string() }) },
      { podAffinity: 'no', other: 'no' },
    );
    const { missing, wrong, refused } = compareSchema(z.array(leaf.optional()), '[]core.Affinity', 'a');
    expect(missing).toEqual([
      'a[].nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution',
      'a[].nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution',
      'a[].podAntiAffinity',
    ]);
    expect(wrong).toEqual(['a[].nodeAffinity.surplus', 'a[].other']);
    expect(refused).toEqual(
      new Map([
        ['a[].podAffinity', 'no'],
        ['a[].other', 'no'],
      ]),
    );
  });

  test('takes free content for all fields of a struct only where it is meaningless', () => {
    const free = z.record(z.string(), z.unknown());
    const why = 'nothing looks at it';
    expect(compareSchema(meaningless(free, why).optional(), 'core.Affinity', 'a').missing).toEqual([]);
    expect(compareSchema(free.optional(), 'core.Affinity', 'a').missing).toEqual(['a: all of it']);
  });
});
