import { formatSeconds } from '../../shared/base/time.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { BridgeNetwork, References } from '../../shared/model/machine.ts';
import { ensureNamespace } from '../api/namespaces.ts';
import type { Now } from '../machines/instance.ts';
import type { ReferenceKind } from '../machines/references.ts';
import { targetOf } from '../machines/references.ts';
import type { Tables } from '../ports.ts';
import type { Origin } from './compile-object.ts';
import { markRecovered } from './compile-object.ts';

type Content = Pick<ResourceObject, 'apiVersion' | 'kind'> & { readonly [field: string]: unknown };

/**
 * Makes the objects that a machine names from what its device holds of them, where there are none: without them, a
 * machine that was taken in could not be told anything.
 */
export async function rebuildReferences(
  tables: Tables,
  namespace: string,
  { configMaps = {}, secrets = {}, networks = {} }: References,
  origin: Origin,
  now: Now,
): Promise<void> {
  async function put(kind: ReferenceKind, named: string, content: Content): Promise<void> {
    const key = targetOf({ kind, name: named }, namespace);
    if ((await tables.objects.get(key)) !== undefined) return;
    await ensureNamespace(tables.objects, key.namespace, { uid: now.uuid(), nowMs: now.nowMs });
    const { name } = key;
    const created = { generation: 1, creationTimestamp: formatSeconds(now.nowMs) };
    const metadata = markRecovered({ uid: now.uuid(), namespace: key.namespace, name, ...created }, origin);
    await tables.objects.put(key, { ...content, metadata });
  }
  for (const [name, content] of Object.entries(configMaps)) {
    await put('ConfigMap', name, { apiVersion: 'v1', kind: 'ConfigMap', ...content });
  }
  for (const [name, content] of Object.entries(secrets)) {
    // Its type is not told to devices.
    await put('Secret', name, { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', ...content });
  }
  for (const [name, network] of Object.entries(networks)) {
    await put('Network', name, {
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      spec: { config: compileConfig(network) },
    });
  }
}

function compileConfig(network: BridgeNetwork): string {
  return JSON.stringify({ cniVersion: '0.3.1', type: 'bridge', ...network });
}
