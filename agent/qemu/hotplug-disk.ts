import { z } from 'zod';
import { diskArguments } from '../machine/disk-arguments.ts';
import type { CompiledDisk } from '../machine/disk.ts';
import { parseOptions } from '../machine/options.ts';
import type { PciLayout } from '../machine/pci.ts';
import { createPciLayout } from '../machine/pci.ts';
import type { RunRecord } from '../ports.ts';
import type { DiskFiles } from './disks.ts';
import type { PlugContext } from './hotplug.ts';
import { awaitGuest, findPlaces, forgetDevice, isThere, unplug, valuesOf } from './hotplug.ts';
import { runOptions } from './human.ts';
import type { Qmp } from './qmp.ts';

/** The block nodes that disks are made of: of a start, and of a change. */
const NODE = /^(disk\d+|added-.+)$/;

const NO_FILES: DiskFiles = { buffered: new Set(), backing: [], found: new Map() };

/** Plugs a disk in, and before it the SCSI controller where it needs one that is not there. */
export async function plugDisk(context: PlugContext, disk: CompiledDisk): Promise<Partial<RunRecord>> {
  const { qmp, record } = context;
  const id = `disk-${disk.name}`;
  const { layout, places } = findPlaces(context, (wanted) => composeDisk(disk, NO_FILES, wanted));
  const words = composeDisk(disk, await context.makeDisk(disk), layout);
  const missing: string[] = [];
  for (const device of valuesOf(words, '-device')) {
    const own = /,id=([^,]+)/.exec(device)?.[1] ?? '';
    if (await isThere(qmp, own)) continue;
    if (own === id) {
      await dropUnusedNodes(qmp);
      for (const node of valuesOf(words, '-blockdev')) {
        await addNode(qmp, node);
        missing.push('-blockdev', node);
      }
    }
    await runOptions(qmp, 'device_add', device);
    missing.push('-device', device);
  }
  return { places, command: [...record.command, ...missing] };
}

export async function unplugDisk(context: PlugContext, name: string): Promise<Partial<RunRecord>> {
  await unplug(context, `disk-${name}`);
  await dropUnusedNodes(context.qmp);
  return forgetDevice(context, `disk-${name}`);
}

const trays = z.array(z.object({ qdev: z.string().optional(), tray_open: z.boolean().optional() }));

/** Opens a CD-ROM drive, which a guest may have locked, and closes it with the medium that it is to have, if any. */
export async function changeMedium(context: PlugContext, disk: CompiledDisk): Promise<Partial<RunRecord>> {
  const { qmp } = context;
  const id = `disk-${disk.name}`;
  const isOpen = async () => {
    const drives = trays.parse(await qmp.execute('query-block'));
    return drives.some(({ qdev, tray_open: open }) => open === true && qdev !== undefined && isOf(qdev, id));
  };
  await qmp.execute('blockdev-open-tray', undefined, { id });
  await awaitGuest(context, id, `the guest has locked drive ${disk.name}: is its medium in use?`, isOpen);
  await qmp.execute('blockdev-remove-medium', undefined, { id });
  await dropUnusedNodes(qmp);
  if (disk.content.from !== 'nothing') {
    const layout = createPciLayout(context.record.places ?? {});
    const [node = ''] = valuesOf(composeDisk(disk, await context.makeDisk(disk), layout), '-blockdev');
    await addNode(qmp, node);
    const medium = { id, 'node-name': parseOptions(node)['node-name'] };
    await qmp.execute('blockdev-insert-medium', undefined, medium);
    await qmp.execute('blockdev-close-tray', undefined, { id });
  }
  return {};
}

/** QEMU calls a drive by its device's id, or by a path that has it. */
function isOf(qdev: string, id: string): boolean {
  return qdev.split('/').includes(id);
}

/** A disk as on a command line, with a node that is called after where the disk sits, which no other has. */
function composeDisk(disk: CompiledDisk, { buffered, found }: DiskFiles, layout: PciLayout): string[] {
  const node = () => `added-${layout.places()[`disk-${disk.name}`] ?? 'medium'}`;
  if (disk.bus === 'virtio') layout.placeOnPort(`disk-${disk.name}`);
  if (disk.bus === 'scsi') layout.placeOnScsi(`disk-${disk.name}`);
  return diskArguments([disk], buffered, found, layout, node);
}

const nodes = z.array(z.object({ 'node-name': z.string().optional() }));
const drives = z.array(z.object({ inserted: z.object({ 'node-name': z.string().optional() }).optional() }));

/** Closes the files of disks that no device has: of one that was taken away, or of a change that was cut off. */
async function dropUnusedNodes(qmp: Qmp): Promise<void> {
  const inserted = drives.parse(await qmp.execute('query-block')).map((drive) => drive.inserted);
  const inUse = inserted.map((medium) => medium?.['node-name']);
  const known = nodes.parse(await qmp.execute('query-named-block-nodes', undefined, { flat: true }));
  for (const { 'node-name': node } of known) {
    if (node === undefined || !NODE.test(node) || inUse.includes(node)) continue;
    await qmp.execute('blockdev-del', undefined, { 'node-name': node });
  }
}

/** A block node from its words on a command line: members of members have dots, and booleans are on and off. */
async function addNode(qmp: Qmp, text: string): Promise<void> {
  const tree: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parseOptions(text))) {
    const steps = name.split('.');
    const last = steps.pop() ?? '';
    let place = tree;
    for (const step of steps) place = (place[step] ??= {}) as Record<string, unknown>;
    place[last] = value === 'on' ? true : value === 'off' ? false : value;
  }
  await qmp.execute('blockdev-add', undefined, tree);
}
