import { z } from 'zod';
import type { Change } from '../machine/change.ts';
import { formatOptions } from '../machine/options.ts';
import type { RunRecord } from '../ports.ts';
import type { PlugContext } from './hotplug.ts';
import { findPlaces, isThere } from './hotplug.ts';
import { runOptions } from './human.ts';

const summary = z.object({ 'base-memory': z.int(), 'plugged-memory': z.int().optional() });

/** QEMU's names for the memory that comes and goes: the guest's device and what it is made of. */
const DEVICE = 'memory';
const BACKEND = 'added-memory';

/**
 * Asks the guest to take memory up to `bytes` in all, or to give back what is over; it does so in its own time, as far
 * as it can: of what it was given since its start by virtio-mem, and of what it was started with by its balloon.
 */
export async function setMemory(
  context: PlugContext,
  { bytes, maxBytes, balloon }: Extract<Change, { kind: 'set-memory' }>,
): Promise<Partial<RunRecord>> {
  const { qmp, record } = context;
  const { 'base-memory': base } = summary.parse(await qmp.execute('query-memory-size-summary'));
  const added = await setAddedMemory(context, base, Math.max(0, bytes - base), maxBytes);
  const balloonBytes = Math.min(bytes, base);
  if (!balloon || balloonBytes === (record.balloonBytes ?? base)) return added;
  context.note({ ...added, balloonBytes });
  await qmp.execute('balloon', undefined, { value: balloonBytes });
  return { ...added, balloonBytes };
}

/** The device comes with the first of it. */
async function setAddedMemory(
  context: PlugContext,
  base: number,
  wanted: number,
  maxBytes: number,
): Promise<Partial<RunRecord>> {
  const { qmp } = context;
  if (await isThere(qmp, DEVICE)) {
    const path = `/machine/peripheral/${DEVICE}`;
    await qmp.execute('qom-set', undefined, { path, property: 'requested-size', value: wanted });
    return {};
  }
  if (wanted === 0) return {};
  const { layout, places } = findPlaces(context, (next) => next.placeOnPort(DEVICE));
  const objects = z
    .array(z.object({ name: z.string() }))
    .parse(await qmp.execute('qom-list', undefined, { path: '/objects' }));
  if (!objects.some(({ name }) => name === BACKEND)) {
    // Without "reserve" the box must have all of it that could ever be asked for.
    const backend = { 'qom-type': 'memory-backend-ram', id: BACKEND, size: maxBytes - base, reserve: false };
    await qmp.execute('object-add', undefined, backend);
  }
  const device = { id: DEVICE, memdev: BACKEND, 'requested-size': wanted, ...layout.placeOnPort(DEVICE) };
  await runOptions(qmp, 'device_add', formatOptions('virtio-mem-pci', device));
  return { places };
}
