import type { ObjectMeta } from '../../shared/model/metadata.ts';
import type { VirtualMachinePool } from '../../shared/model/virtual-machine-pool.ts';
import type { VirtualMachine, VirtualMachineSpec } from '../../shared/model/virtual-machine.ts';

/** Upstream's label for the form of a pool's template that a machine has. */
const REVISION_LABEL = 'kubevirt.io/vm-pool-revision-name';
/** On a machine's object: it is restarted as soon as a change of it needs that. */
export const RESTART_ANNOTATION = 'holdfast.dev/restart-when-required';

/** As far as names in it are concerned. */
interface NamedVolume {
  dataVolume?: { name: string };
  persistentVolumeClaim?: { claimName: string };
  configMap?: { name?: string };
  secret?: { secretName?: string };
  cloudInitNoCloud?: SecretReferences;
  cloudInitConfigDrive?: SecretReferences;
}

interface SecretReferences {
  secretRef?: { name?: string };
  networkDataSecretRef?: { name?: string };
}

/** The pool's machine of a number, as its template now describes it; `metadata` is that of the machine that there is. */
export function compilePoolMachine(
  pool: VirtualMachinePool,
  index: number,
  revision: string,
  metadata: ObjectMeta,
): Omit<VirtualMachine, 'status'> {
  const { virtualMachineTemplate: template, updateStrategy } = pool.spec;
  const restarts = updateStrategy === undefined || updateStrategy.proactive !== undefined;
  const label = { [REVISION_LABEL]: `${pool.metadata.name}-${revision}` };
  const { [RESTART_ANNOTATION]: _, ...annotations } = metadata.annotations ?? {};
  const spec = indexSpec(pool, index);
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, ...template.metadata?.labels, ...label },
      annotations: {
        ...annotations,
        ...template.metadata?.annotations,
        ...(restarts && { [RESTART_ANNOTATION]: 'true' }),
      },
    },
    spec: {
      ...spec,
      template: {
        ...spec.template,
        metadata: { ...spec.template.metadata, labels: { ...spec.template.metadata?.labels, ...label } },
      },
    },
  };
}

/** Whether a machine was made from, or changed to, this form of its pool's template. */
export function isOfRevision(
  { metadata }: VirtualMachine,
  pool: VirtualMachinePool,
  revision: string,
): boolean {
  return metadata.labels?.[REVISION_LABEL] === `${pool.metadata.name}-${revision}`;
}

/** The number in the name of a pool's machine. */
export function indexOf(name: string): number {
  return Number(/-(\d+)$/.exec(name)?.[1] ?? -1);
}

/** As upstream: each machine gets disks of its own, named with its number, and config maps and secrets where asked. */
function indexSpec({ spec }: VirtualMachinePool, index: number): VirtualMachineSpec {
  const copy = structuredClone(spec.virtualMachineTemplate.spec);
  const suffix = `-${index}`;
  const own = new Set<string>();
  for (const { metadata } of copy.dataVolumeTemplates ?? []) {
    own.add(metadata.name);
    metadata.name += suffix;
  }
  const { appendIndexToConfigMapRefs = false, appendIndexToSecretRefs = false } = spec.nameGeneration ?? {};
  for (const volume of (copy.template.spec.volumes ?? []) as NamedVolume[]) {
    const { dataVolume, persistentVolumeClaim: claim, configMap, secret } = volume;
    if (dataVolume !== undefined && own.has(dataVolume.name)) dataVolume.name += suffix;
    if (claim !== undefined && own.has(claim.claimName)) claim.claimName += suffix;
    if (appendIndexToConfigMapRefs && configMap?.name !== undefined) configMap.name += suffix;
    if (!appendIndexToSecretRefs) continue;
    if (secret?.secretName !== undefined) secret.secretName += suffix;
    for (const seed of [volume.cloudInitNoCloud, volume.cloudInitConfigDrive]) {
      for (const reference of [seed?.secretRef, seed?.networkDataSecretRef]) {
        if (reference?.name !== undefined) reference.name += suffix;
      }
    }
  }
  return copy;
}
