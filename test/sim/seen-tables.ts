import type { Store, Tables, TimelineEntry } from '../../hub/ports.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { PendingFacts, Witness } from './witness.ts';
import { describeEvent } from './witness.ts';

/** The hub's store, with what it makes durable told to the witness. */
export function watchTables(store: Store, facts: PendingFacts, witness: Witness): Store {
  const watch = (tables: Tables): Tables => ({
    ...tables,
    objects: {
      ...tables.objects,
      put(key, object) {
        if (key.kind.startsWith('kubevirt.io/')) facts.add(() => witness.objectStored(seeObject(object)));
        return tables.objects.put(key, object);
      },
    },
    documents: {
      ...tables.documents,
      put(row) {
        facts.add(() => witness.made(row));
        return tables.documents.put(row);
      },
    },
    timeline: {
      ...tables.timeline,
      append(entries) {
        for (const entry of entries) {
          const { kind, device, epoch, sequence } = entry;
          if (kind !== 'event' || epoch === undefined || sequence === undefined) continue;
          facts.add(() => witness.eventTaken({ device, epoch, sequence, event: seeEvent(entry) }));
        }
        return tables.timeline.append(entries);
      },
    },
  });
  return { ...store, transaction: (work) => store.transaction((tables) => work(watch(tables))) };
}

function seeObject({ kind, metadata }: ResourceObject) {
  return {
    uid: metadata.uid ?? '',
    kind,
    name: metadata.name,
    generation: metadata.generation ?? 0,
    deleting: metadata.deletionTimestamp !== undefined,
  };
}

function seeEvent({ type, reason, message, machine, deviceTimeMs }: TimelineEntry): string {
  return describeEvent({ type, reason, message, uid: machine?.uid, atMs: deviceTimeMs });
}
