import { describe, expect, test } from 'vitest';
import { compareKind, KUBEVIRT_KINDS } from './kubevirt-fields.ts';

describe.each(KUBEVIRT_KINDS.map((kind) => [kind.kind, kind] as const))('%s', (_, kind) => {
  const { refused, undescribed } = compareKind(kind);

  test('nothing is refused for now: each reason says what else can be done', () => {
    expect([...refused].filter(([, why]) => /\byet\b/.test(why)).map(([path]) => path)).toEqual([]);
  });

  test('each field says what it does', () => {
    expect(undescribed).toEqual([]);
  });
});
