import type { Tables } from '../ports.ts';
import { objectKey } from '../reconcile/machine-key.ts';

/** What uses a data volume, of what is there, but for the one with the uid `own`. */
export async function findUsers(
  { references, objects }: Tables,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  own: string,
): Promise<string[]> {
  const users: string[] = [];
  for (const user of await references.to(objectKey({ kind: 'DataVolume', namespace, name }))) {
    const object = await objects.get(objectKey(user));
    if (user.uid !== own && object?.metadata.uid === user.uid) users.push(`${user.kind} ${user.name}`);
  }
  return users;
}
