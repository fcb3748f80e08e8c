import { randomBytes, randomUUID } from 'node:crypto';
import type { Store } from '../../../hub/ports.ts';
import { formatSeconds } from '../../../shared/base/time.ts';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import type { Clock } from '../../../shared/ports.ts';
import { compileManifest } from '../../e2e/manifest.ts';

/** Every device's one machine gets text of its own, so that its desired document is new and about `documentBytes`. */
export interface MachineChange {
  readonly devices: readonly string[];
  readonly documentBytes: number;
}

/** As many machines change in one transaction; others get their turn between two. */
const PER_TRANSACTION = 250;

/**
 * Makes or changes the machine of each device, as a change of what the whole fleet runs would. Times are milliseconds
 * since 1970: before the first was written, and when the last was committed.
 */
export async function changeMachines(store: Store, clock: Clock, { devices, documentBytes }: MachineChange) {
  const startedAtMs = Date.now();
  for (let first = 0; first < devices.length; first += PER_TRANSACTION) {
    const some = devices.slice(first, first + PER_TRANSACTION);
    await store.transaction(async ({ objects, machines }) => {
      for (const device of some) {
        const name = `pos-${device}`;
        const key = { kind: 'kubevirt.io/VirtualMachine', namespace: 'default', name };
        const before = await objects.get(key);
        const uid = before?.metadata.uid ?? randomUUID();
        const object = compileMachine(name, device, uid, documentBytes, before);
        await objects.put(key, object);
        // Placed with its making: placing reads every device, and is not what is measured.
        if (before !== undefined) continue;
        await machines.put({
          uid,
          kind: 'VirtualMachine',
          namespace: 'default',
          name,
          device,
          removing: false,
        });
      }
    });
    await clock.turn();
  }
  return { startedAtMs, committedAtMs: Date.now() };
}

function compileMachine(
  name: string,
  device: string,
  uid: string,
  documentBytes: number,
  before: ResourceObject | undefined,
): ResourceObject {
  const compile = (userData: string) =>
    compileManifest({ name, device, url: 'http://127.0.0.1/guest.qcow2', userData }) as ResourceObject;
  const padding = Math.max(1, documentBytes - JSON.stringify(compile('')).length);
  // Base64 of chance: what compresses well would cost the link less than documents of that size do.
  const made = compile(randomBytes(Math.ceil((padding * 3) / 4)).toString('base64'));
  const generation = (before?.metadata.generation ?? 0) + 1;
  const creationTimestamp = before?.metadata.creationTimestamp ?? formatSeconds(Date.now());
  const metadata = { ...before?.metadata, ...made.metadata, uid, generation, creationTimestamp };
  return { ...before, ...made, metadata };
}
