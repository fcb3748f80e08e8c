import { canonicalJson } from '../../shared/base/canonical-json.ts';
import type { DesiredMachine } from '../../shared/model/machine.ts';
import { decodeText, splitKeys } from './base64.ts';

/** What a user of the guest gets through its agent. */
export type GuestCredential =
  | { readonly kind: 'keys'; readonly user: string; readonly keys: readonly string[] }
  | { readonly kind: 'password'; readonly user: string; readonly password: string };

/** All credentials that go through the guest's agent, with a word that changes with them and tells nothing of them. */
export interface GuestCredentials {
  readonly digest: string;
  readonly list: readonly GuestCredential[];
}

/** Undefined where none goes this way. A user who is named several times gets the keys of all. */
export function compileCredentials({ spec, references }: DesiredMachine): GuestCredentials | undefined {
  const keys = new Map<string, string[]>();
  const passwords = new Map<string, string>();
  for (const { sshPublicKey, userPassword } of spec.accessCredentials ?? []) {
    const users = sshPublicKey?.propagationMethod.qemuGuestAgent?.users;
    const source = users === undefined ? userPassword?.source : sshPublicKey?.source;
    if (source === undefined) continue;
    const secret = references?.secrets?.[source.secret.secretName];
    if (secret === undefined)
      throw new Error(`accessCredentials: there is no Secret ${source.secret.secretName}`);
    const names = Object.keys(secret.data).toSorted();
    if (users === undefined) {
      for (const user of names) passwords.set(user, decodeText(secret.data[user] ?? ''));
      continue;
    }
    const found = names.flatMap((name) => splitKeys(decodeText(secret.data[name] ?? '')));
    for (const user of users) keys.set(user, [...(keys.get(user) ?? []), ...found]);
  }
  const list: GuestCredential[] = [
    ...[...keys].map(([user, own]) => ({ kind: 'keys' as const, user, keys: [...new Set(own)] })),
    ...[...passwords].map(([user, password]) => ({ kind: 'password' as const, user, password })),
  ];
  return list.length === 0 ? undefined : { digest: digestOf(canonicalJson(list)), list };
}

/** 64 bits of two hashes (FNV-1a): enough to tell a change, and no way back to a password of any length. */
function digestOf(text: string): string {
  let [left, right] = [0x811c9dc5, 0xcbf29ce4];
  for (const byte of new TextEncoder().encode(text)) {
    left = Math.imul(left ^ byte, 0x01000193);
    right = Math.imul(right ^ byte, 0x01000193) ^ (left >>> 7);
  }
  return [left, right].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}
