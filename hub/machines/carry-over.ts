import { isRecord } from '../../shared/base/record.ts';
import type { DesiredMachine, DesiredVolume, References } from '../../shared/model/machine.ts';

/**
 * What a device is told of a machine while something that the machine names is not there: pure. What a device has is
 * never taken back for that, or changed: a machine runs on with what it was sent last.
 */

export interface Problem {
  /** A CamelCase word and a sentence. */
  readonly reason: string;
  readonly message: string;
  /** Whose content is missing, where it is no more than that. */
  readonly missing?: { readonly member: keyof References; readonly name: string };
}

type Entry = DesiredMachine | DesiredVolume;
type Sent = Readonly<Record<string, unknown>>;

/**
 * The entry to send: with the content that was sent last in the place of what is missing, or, where that is not known,
 * as it was sent last, but for when the machine is to run. Undefined where nothing was sent yet: then it waits.
 * @param entry the entry as it would be with all there; undefined where not even that is known
 */
export function carryOver(
  entry: Entry | undefined,
  runs: Pick<DesiredMachine, 'runStrategy' | 'releasedOverride'> | undefined,
  problems: readonly Problem[],
  sent: Sent | undefined,
): Entry | Sent | undefined {
  if (problems.length === 0) return entry;
  if (sent === undefined || 'removed' in sent || 'found' in sent) return undefined;
  if (entry !== undefined) {
    const filled = fillReferences(entry, problems, sent);
    if (filled !== undefined) return filled;
  }
  return runs === undefined ? sent : { ...sent, ...runs };
}

function fillReferences(entry: Entry, problems: readonly Problem[], { references }: Sent): Entry | undefined {
  if (!isRecord(references)) return undefined;
  let filled: References = entry.references ?? {};
  for (const { missing } of problems) {
    if (missing === undefined) return undefined;
    const { member, name } = missing;
    const known = references[member];
    if (!isRecord(known) || !Object.hasOwn(known, name)) return undefined;
    filled = { ...filled, [member]: { ...filled[member], [name]: known[name] } };
  }
  return { ...entry, references: filled };
}
