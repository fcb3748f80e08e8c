import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../shared/base/errors.ts';
import { CONSOLE_LOG } from '../machine/files.ts';
import type { Account } from './launch.ts';

/**
 * The users that machines' QEMUs run as: a number of its own for each, so that one that a guest has taken over gets to
 * no other's disks. No file but those of its machine belongs to it, and nobody logs in with it.
 */
export interface Accounts {
  of(uid: string): Account;
}

/** Numbers that neither distributions nor systemd nor containers hand out (systemd's `UIDS-GIDS`). */
const FIRST_UID = 2_000_000_000;
const UIDS = 65_536;
/** All users that machines' QEMUs may run as. */
export const MACHINE_USERS = { first: FIRST_UID, last: FIRST_UID + UIDS - 1 };

/** `base` is the user whose groups they share: base images are open to its group, and /dev/kvm to another. */
export function createAccounts(machinesFolder: string, base: Account): Accounts {
  const chosen = new Map<string, number>();

  /** A machine's console log belongs to its user, through all restarts of the agent. */
  const readOwner = (uid: string): number | undefined => {
    try {
      const { uid: owner } = statSync(join(machinesFolder, uid, CONSOLE_LOG));
      return owner >= FIRST_UID && owner < FIRST_UID + UIDS ? owner : undefined;
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
      throw error;
    }
  };

  const choose = (uid: string): number => {
    const others = new Set(chosen.values());
    for (const name of readdirSync(machinesFolder)) {
      const owner = name === uid ? undefined : readOwner(name);
      if (owner !== undefined) others.add(owner);
    }
    const own = readOwner(uid);
    if (own !== undefined && !others.has(own)) return own;
    const start = parseInt(uid.slice(0, 8), 16) % UIDS;
    for (let step = 0; step < UIDS; step += 1) {
      const candidate = FIRST_UID + ((start + step) % UIDS);
      if (!others.has(candidate)) return candidate;
    }
    throw new Error(`all ${UIDS} users for machines are taken`);
  };

  return {
    of(uid) {
      const number = chosen.get(uid) ?? choose(uid);
      chosen.set(uid, number);
      return { ...base, uid: number };
    },
  };
}
