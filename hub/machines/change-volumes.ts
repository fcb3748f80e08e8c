import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import type { Volume } from '../../shared/model/volume/volume.ts';

/** What one run of a machine is made with: of an instance, or of a machine's template. */
export type InstanceSpec = VirtualMachine['spec']['template']['spec'];

type Unchecked = Readonly<Record<string, unknown>>;

/** What is to be plugged into a machine, by KubeVirt's `AddVolumeOptions`; its parts are checked with the whole spec. */
interface AddedVolume {
  readonly name: string;
  readonly disk: Unchecked;
  /** Has one of the two. */
  readonly source: {
    readonly dataVolume?: Unchecked | undefined;
    readonly persistentVolumeClaim?: Unchecked | undefined;
  };
}

/** A spec as it is to be, not yet checked; or, in KubeVirt's words, why that can't be. */
export type Changed = { readonly spec: object } | { readonly why: string };

/** As KubeVirt's `ApplyVolumeRequestOnVMISpec`: the volume can be taken away again, and its disk has its name. */
export function addVolume(spec: InstanceSpec, { name, disk, source }: AddedVolume): Changed {
  const { volumes = [] } = spec;
  if (volumes.some((volume) => volume.name === name))
    return { why: `Unable to add volume [${name}] because volume with that name already exists` };
  const { dataVolume, persistentVolumeClaim: claim } = source;
  const sourceName = dataVolume?.['name'] ?? claim?.['claimName'];
  if (volumes.some((volume) => sourceOf(volume)?.name === sourceName))
    return { why: `Unable to add volume source [${String(sourceName)}] because it already exists` };
  const volume = {
    name,
    ...(dataVolume && { dataVolume: { ...dataVolume, hotpluggable: true } }),
    ...(claim && { persistentVolumeClaim: { ...claim, hotpluggable: true } }),
  };
  return { spec: withVolumes(spec, [...volumes, volume], [...disksOf(spec), { ...disk, name }]) };
}

/** Takes a volume and its disk away: the one of that name, or else the one that shows the data volume of that name. */
export function removeVolume(spec: InstanceSpec, name: string): Changed {
  const { volumes = [] } = spec;
  const found =
    volumes.find((volume) => volume.name === name) ??
    volumes.find((volume) => sourceOf(volume)?.name === name);
  if (found === undefined) return { why: `Unable to remove volume [${name}] because it does not exist` };
  if (sourceOf(found)?.hotpluggable !== true)
    return { why: `Unable to remove volume [${found.name}] because it is not hotpluggable` };
  return {
    spec: withVolumes(
      spec,
      volumes.filter((volume) => volume !== found),
      disksOf(spec).filter((disk) => disk.name !== found.name),
    ),
  };
}

/** What of a volume can come and go, under the name of its data volume or claim. */
function sourceOf({ dataVolume, persistentVolumeClaim: claim }: Volume) {
  return dataVolume ?? (claim && { ...claim, name: claim.claimName });
}

function disksOf({ domain }: InstanceSpec) {
  return domain.devices.disks ?? [];
}

function withVolumes(spec: InstanceSpec, volumes: readonly object[], disks: readonly object[]): object {
  const { domain } = spec;
  return { ...spec, volumes, domain: { ...domain, devices: { ...domain.devices, disks } } };
}
