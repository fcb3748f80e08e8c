import type { DataVolume } from '../../shared/model/data-volume-object.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import { describeVolume } from '../machines/describe-volume.ts';
import type { Now } from '../machines/instance.ts';
import { compileOwnVolume, ownerOf } from '../machines/own-volume.ts';
import type { DeviceRow, MachineRow, Tables } from '../ports.ts';
import { objectKey } from './machine-key.ts';
import { putMachine } from './put-machine.ts';

/** Shows what a machine's `dataVolumeTemplates` came to as objects. A name that another one has is left to that one. */
export async function showOwnVolumes(
  tables: Tables,
  machine: VirtualMachine,
  row: MachineRow | undefined,
  device: DeviceRow | undefined,
  now: Now,
): Promise<void> {
  const { namespace = '', uid } = machine.metadata;
  for (const template of machine.spec.dataVolumeTemplates ?? []) {
    const { name } = template.metadata;
    const key = objectKey({ kind: 'DataVolume', namespace, name });
    const before = (await tables.objects.get(key)) as DataVolume | undefined;
    if (before !== undefined && ownerOf(before)?.uid !== uid) continue;
    const known = { name, row, device, waiting: undefined, nowMs: now.nowMs };
    const status = describeVolume(known, before?.status);
    await putMachine(tables, compileOwnVolume(machine, template, row?.device, status, before, now));
  }
}
