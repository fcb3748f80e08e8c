import { createStore } from '../../../hub/store/store.ts';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import { virtualMachineInstanceKind } from '../../../shared/model/virtual-machine-instance.ts';

/** Objects to a transaction: each is written through to disk once. */
const AT_ONCE = 500;
/** So that an object is of some 2 KB, as what people compare with is. */
const FILLER_CHARS = 1_200;

/** Puts so many machines' runs into a store that no hub has open. */
export async function fillStore(path: string, machines: number, nowMs: number): Promise<void> {
  const store = await createStore(path);
  try {
    for (let start = 0; start < machines; start += AT_ONCE) {
      await store.transaction(async ({ objects }) => {
        for (let index = start; index < Math.min(start + AT_ONCE, machines); index += 1) {
          const object = compileInstance(index, nowMs);
          const { namespace = '', name } = object.metadata;
          await objects.put({ kind: 'kubevirt.io/VirtualMachineInstance', namespace, name }, object);
        }
      });
    }
    await store.transaction(({ objects }) => objects.pruneChanges(0, machines));
  } finally {
    await store.close();
  }
}

function compileInstance(index: number, nowMs: number): ResourceObject {
  const number = String(index).padStart(6, '0');
  const created = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: virtualMachineInstanceKind.kind,
    metadata: {
      name: `pos-${number}`,
      namespace: 'default',
      uid: `00000000-0000-4000-8000-${number.padStart(12, '0')}`,
      generation: 1,
      creationTimestamp: created,
      labels: { tier: index % 2 === 0 ? 'pos' : 'video' },
      annotations: { filler: 'x'.repeat(FILLER_CHARS) },
    },
    spec: {
      nodeSelector: { 'kubernetes.io/hostname': `shop-${number}` },
      domain: {
        memory: { guest: '2Gi' },
        devices: { disks: [{ name: 'root', disk: { bus: 'virtio' } }] },
      },
      volumes: [{ name: 'root', emptyDisk: { capacity: '1Gi' } }],
    },
    status: { phase: 'Pending' },
  };
}
