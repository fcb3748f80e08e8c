import type { DataVolume } from '../../shared/model/data-volume-object.ts';
import { isDeleting } from '../api/write/metadata.ts';
import { ownerOf } from '../machines/own-volume.ts';
import type { Reference } from '../machines/references.ts';
import { targetOf } from '../machines/references.ts';
import type { Tables } from '../ports.ts';
import { claim, putMachine } from './put-machine.ts';

/** Gives data volumes of their own that have no device yet the one of whoever is the first to use them. */
export async function placeVolumes(
  tables: Tables,
  references: readonly Reference[],
  { namespace, device }: { readonly namespace: string; readonly device: string },
): Promise<void> {
  for (const reference of references.filter(({ kind }) => kind === 'DataVolume')) {
    const volume = (await tables.objects.get(targetOf(reference, namespace))) as DataVolume | undefined;
    if (volume === undefined || ownerOf(volume) !== undefined || isDeleting(volume.metadata)) continue;
    const { uid = '', name } = volume.metadata;
    if ((await tables.machines.get(uid)) !== undefined) continue;
    await tables.machines.put({ uid, kind: 'DataVolume', namespace, name, device, removing: false });
    await putMachine(tables, claim(volume, device));
  }
}
