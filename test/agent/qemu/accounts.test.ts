import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAccounts } from '../../../agent/qemu/accounts.ts';

const BASE = { uid: 900, gid: 901, groups: [44] };
const UID = '5f0c1a52-7d7b-4c57-9b0e-0d6f3a1c2e4b';
/** Begins as the other does, and so would have its number. */
const ALIKE = '5f0c1a52-0000-4000-8000-000000000000';

describe.runIf(process.getuid?.() === 0)("machines' users", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'holdfast-accounts-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  /** A machine that has been started by this user. */
  function started(uid: string, user: number): void {
    mkdirSync(join(root, uid));
    const log = join(root, uid, 'console.log');
    writeFileSync(log, '');
    chownSync(log, user, BASE.gid);
  }

  test('are numbers of their own, with the groups of the user that was set up', () => {
    const accounts = createAccounts(root, BASE);
    const [one, other] = [accounts.of(UID), accounts.of(ALIKE)];
    expect(one).toMatchObject({ gid: 901, groups: [44] });
    expect(one.uid).toBeGreaterThanOrEqual(2_000_000_000);
    expect(other.uid).not.toBe(one.uid);
    expect(accounts.of(UID)).toEqual(one);
  });

  test('stay the same for an agent that is started anew, whatever was chosen meanwhile', () => {
    started(UID, 2_000_000_007);
    const accounts = createAccounts(root, BASE);
    expect(accounts.of(ALIKE).uid).not.toBe(2_000_000_007);
    expect(accounts.of(UID).uid).toBe(2_000_000_007);
  });

  test('replace the one user that an agent of before ran all machines as', () => {
    started(UID, BASE.uid);
    expect(createAccounts(root, BASE).of(UID).uid).toBeGreaterThanOrEqual(2_000_000_000);
  });
});
