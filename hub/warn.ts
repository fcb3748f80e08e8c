import type { Admission } from './api/context.ts';
import { findDeprecated } from './machines/deprecated.ts';
import type { Tables } from './ports.ts';
import { findTwins } from './resolve/mac-twins.ts';

/** All that the hub has to say to whoever writes, beside what the kinds' schemas mark as without effect. */
export async function warnWrite({ object }: Admission, tables: Tables): Promise<string[]> {
  return [...findDeprecated(object), ...(await findTwins(object, tables))];
}
