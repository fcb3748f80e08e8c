import type { SeenDocument, SeenStore, Witness } from '../witness.ts';
import type { Accuse } from './violations.ts';

/**
 * What a device holds is a view of the hub's history, in its order: every document was made by the hub as it is, for
 * this device, generations only rise, and none comes after one that was made later.
 */
export function createDocumentsCheck(accuse: Accuse): Partial<Witness> & Pick<Documents, 'entryOf'> {
  const made: SeenDocument[] = [];
  const held = new Map<string, { store: number; generation: number; place: number }>();
  const entries = new Map<string, Map<string, DocumentEntry>>();

  function findMade({ device, generation, hash, text }: SeenDocument): number {
    return made.findLastIndex(
      (one) =>
        one.device === device && one.generation === generation && one.hash === hash && one.text === text,
    );
  }

  function remember({ device, text }: SeenDocument): void {
    const own = entries.get(device) ?? new Map<string, DocumentEntry>();
    entries.set(device, own);
    const { machines } = JSON.parse(text) as { machines: DocumentEntry[] };
    for (const entry of machines) own.set(entry.uid, entry);
  }

  return {
    made(document) {
      made.push(document);
    },
    held({ device, number }: SeenStore, document) {
      const place = findMade(document);
      const { generation } = document;
      if (place === -1) accuse(device, `holds generation ${generation}, which the hub never made like that`);
      const before = held.get(device);
      if (before?.store === number && generation <= before.generation)
        accuse(device, `holds generation ${generation} after ${before.generation}`);
      if (before?.store === number && place < before.place)
        accuse(device, `holds generation ${generation}, made before ${before.generation} was`);
      held.set(device, { store: number, generation, place });
      remember(document);
    },
    storeLost({ device }) {
      held.delete(device);
    },
    entryOf: (device, uid) => entries.get(device)?.get(uid),
  };
}

/** What the newest document that a device held and that names a machine says of it. */
export interface DocumentEntry {
  readonly uid: string;
  readonly removed?: true;
  readonly runStrategy?: string;
  readonly generation?: number;
}

export interface Documents {
  entryOf(device: string, uid: string): DocumentEntry | undefined;
}
