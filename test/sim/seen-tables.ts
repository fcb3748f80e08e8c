import type { Store, Tables } from '../../hub/ports.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { PendingFacts, Witness } from './witness.ts';

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
    devices: {
      ...tables.devices,
      put(row) {
        const { name: device, generation, desiredHash: hash, desiredText: text } = row;
        if (hash !== '') facts.add(() => witness.made({ device, generation, hash, text }));
        return tables.devices.put(row);
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
